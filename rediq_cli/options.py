"""What the global options say, once they are read.

They work on every command; `leaf` declares them to Typer. `resolve` is the only place that
knows that `--json` is short for `-o json`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from rediq_cli.output.writer import FORMATS
from rediq_core.errors import InvalidOption

READ_ONLY_VARIABLE = "REDIQ_READ_ONLY"
PROFILE_VARIABLE = "REDIQ_PROFILE"


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The options that every command takes.

    Attributes:
        url: Server given on the command line, or None.
        config: Configuration file given on the command line, or None.
        profile: Named server of the command line or the environment, or None.
        output: One of FORMATS.
        has_color: False if --no-color was given.
        is_quiet: True for results and problems only.
        is_debug: True to show where an error comes from.
        is_read_only: True if nothing may be changed.
    """

    url: str | None = None
    config: str | None = None
    profile: str | None = None
    output: str = "table"
    has_color: bool = True
    is_quiet: bool = False
    is_debug: bool = False
    is_read_only: bool = False


def output_format(output: str | None, *, is_json: bool) -> str:
    """Return the format that -o and --json ask for together.

    Raises:
        InvalidOption: The format is unknown, or --json contradicts it.
    """
    if output is None:
        return "json" if is_json else "table"
    if output not in FORMATS:
        raise InvalidOption(
            f"there is no output format {output!r}.",
            cause=f"Formats are {', '.join(FORMATS)}.",
            next_step="See: rediq help output",
        )
    if is_json and output not in ("json", "jsonl"):
        raise InvalidOption(
            f"--json and -o {output} contradict each other.",
            cause="--json is short for -o json.",
            next_step="Leave one of them out.",
        )
    return output


def profile_by_environment() -> str | None:
    """Return the profile that the environment names, or None."""
    return os.environ.get(PROFILE_VARIABLE, "").strip() or None


def is_read_only_by_environment() -> bool:
    """Return True if the environment forbids changes."""
    return os.environ.get(READ_ONLY_VARIABLE, "").lower() not in ("", "0", "false", "no", "off")
