"""The running worker: a supervisor, its task processes, and the loops inside them."""
