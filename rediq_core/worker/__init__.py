"""Worker package."""
