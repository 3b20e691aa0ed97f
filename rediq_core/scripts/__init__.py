"""Scripts package."""
