"""Faults of workers, of Redis and of operators, each with real processes and its figure."""
