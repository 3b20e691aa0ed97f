"""One module a queue; `config.toml` maps each queue to its module."""
