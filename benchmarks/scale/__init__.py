"""What the command line costs in front of a million tasks: time, the longest script, ranges."""
