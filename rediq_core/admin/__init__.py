"""What operators see and do: the one way in for the command line and the dashboard."""
