"""Who did something and why, as people read it: the notes that the engine keeps, in words."""

from __future__ import annotations

import json
import re

from rediq_core.model.limits import OFF, read_limits


def said(note: str) -> str:
    """Write who did something and why: "by ada@host (bank is down)"."""
    found = re.fullmatch(r"by=(\S+)(?: why=(.*))?", note)
    if found is None:
        return note
    return f"by {found[1]}" + (f" ({found[2]})" if found[2] else "")


def cancel_text(note: str) -> str:
    """Write who told a running task to stop, as people read it."""
    try:
        told = json.loads(note)
        why = f" ({told['why']})" if "why" in told else ""
        return f"by {told['by']}{why}"
    except (ValueError, KeyError, TypeError):
        return note


def reason_of(note: str) -> str:
    """Return why somebody did something, of a note that is JSON; "" if it does not say."""
    try:
        return str(json.loads(note).get("why", ""))
    except (ValueError, AttributeError):
        return ""


def limits_text(words: str) -> str:
    """Return limits as people type them: "rate=100|60000|1" is "rate 100/m"."""
    texts = read_limits({"declared": words}).declared.texts()
    said = []
    for word in words.split():
        name, is_set, _ = word.partition("=")
        value = f" {texts.get(name, OFF)}" if is_set else ""
        said.append(name.replace("_", "-") + value)
    return ", ".join(said)
