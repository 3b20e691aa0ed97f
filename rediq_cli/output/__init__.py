"""Everything that reaches the terminal: tables, JSON, and text made safe to print."""
