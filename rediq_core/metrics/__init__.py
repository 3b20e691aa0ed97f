"""Numbers for monitoring systems: what is counted, under which names, and how it is served."""
