"""The Lua scripts that change state, and the loader that reads their headers."""
