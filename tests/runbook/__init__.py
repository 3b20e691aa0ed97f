"""The incidents of docs/runbook.md, made for real; `python -m tests.runbook` writes them there."""
