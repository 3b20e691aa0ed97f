"""Admin package."""
