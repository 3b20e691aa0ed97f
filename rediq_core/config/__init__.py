"""Configuration: where each setting comes from, and what it may be.

Import the submodules directly. `quick` and `redact` cost no pydantic, so commands that only read
a queue start fast; `loader` and `settings` check everything and are for workers and `config`.
"""
