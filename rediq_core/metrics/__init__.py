"""Numbers for machines: the registry, its HTTP endpoint, and what is kept of the past."""
