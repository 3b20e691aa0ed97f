"""Commands package."""
