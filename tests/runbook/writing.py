"""The blocks of docs/runbook.md that hold real output, and the marks they stand behind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
_BLOCK = re.compile(r"<!-- output: (\w+) -->\n(?:\n```console\n(.*?)```\n)?", re.DOTALL)


def blocks(text: str) -> dict[str, str]:
    """Return what stands behind each mark."""
    return {match[1]: match[2] or "" for match in _BLOCK.finditer(text)}


def rewritten(text: str, shown: Mapping[str, str]) -> str:
    """Return the text with other output; what was not shown again stays.

    Raises:
        ValueError: There is no mark for something that was shown.
    """
    unknown = set(shown) - set(blocks(text))
    if unknown:
        raise ValueError(f"{RUNBOOK.name} has no mark for {', '.join(sorted(unknown))}")

    def block(match: re.Match[str]) -> str:
        out = shown.get(match[1], match[2] or "")
        return f"<!-- output: {match[1]} -->\n\n```console\n{out}```\n"

    return _BLOCK.sub(block, text)
