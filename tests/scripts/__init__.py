"""What each script promises, shown on a real server."""
