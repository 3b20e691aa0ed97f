"""Connection package."""
