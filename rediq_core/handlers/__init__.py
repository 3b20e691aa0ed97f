"""What users write against: the mux, the context of a run, middleware and resources."""
