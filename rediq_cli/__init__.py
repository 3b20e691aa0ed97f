"""The command line. Answers --version before anything heavy is imported."""

from __future__ import annotations

import sys

__version__ = "0.1.0"


def run() -> None:
    """Run the `rediq` command."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"rediq {__version__}\n")
        return
    from rediq_cli.main import main  # start-up: --version must not import Typer

    main()
