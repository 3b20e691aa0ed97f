"""Output package."""
