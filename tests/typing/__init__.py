"""What mypy must accept and must refuse; checked by `test_typing`."""
