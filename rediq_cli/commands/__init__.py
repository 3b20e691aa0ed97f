"""The commands, a file for each noun, imported only when its noun is typed."""
