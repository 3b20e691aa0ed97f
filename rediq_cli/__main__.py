"""Let `python -m rediq_cli` be the `rediq` command, where no script is on PATH."""

from __future__ import annotations

from rediq_cli import run

if __name__ == "__main__":
    run()
