"""What holds over all scripts and verbs together, on every topology."""
