"""JSON for scripts: ASCII only, no envelope, stable field names.

Non-ASCII is escaped, so hostile characters in data cannot reach a terminal through `--json`
either, and the reader gets the exact string back. Times are ISO-8601 UTC with milliseconds.
Which fields an object has is decided in `records`, not here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def iso(at_ms: int | None) -> str | None:
    """Write epoch milliseconds as "2026-02-07T10:00:00.000Z"; None stays None."""
    if at_ms is None:
        return None
    seconds, ms = divmod(at_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"


def document(value: Json) -> str:
    """Write one array or object over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=True)


def line(value: Json) -> str:
    """Write one object on one line."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def readable(value: Json, *, indent: int | None = None) -> str:
    """Write JSON for people, with letters as they are; the caller neutralises it."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
