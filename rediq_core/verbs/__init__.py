"""Pure functions that say which script to call with what, and how to read its reply."""
