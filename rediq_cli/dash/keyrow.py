"""One row of the table of keys, and where keys work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """Where a key works."""

    GLOBAL = "Everywhere"
    TABLE = "Tables"
    QUEUES = "Queues"
    TASKS = "Tasks"
    DRAWER = "Task drawer"
    WORKERS = "Workers"
    SCHEDULES = "Schedules"
    FAILURES = "Failures"
    EVENTS = "Events"
    TEXT = "Text"
    CHARTS = "Charts"
    REPLAY = "Replay"


@dataclass(frozen=True, slots=True)
class Key:
    """One row of the table.

    Attributes:
        id: Its name in a keymap of the user's own, such as "queue.pause".
        keys: Textual's names of the keys, separated by commas.
        action: What is called: `action_…` of the part in its scope.
        text: What it does, for help.
        scope: Where it works.
        footer: What the footer says, or "" to leave it out.
        rank: In the footer, the lower the earlier and the longer it stays.
        is_write: It changes something, so it is off when reading only or without Redis.
        shown: How the keys are written; "" for their names.
    """

    id: str
    keys: str
    action: str
    text: str
    scope: Scope
    footer: str = ""
    rank: int = 50
    is_write: bool = False
    shown: str = ""

    @property
    def label(self) -> str:
        """How the keys are written for people."""
        return self.shown or " ".join(map(_written, self.keys.split(",")))

    @property
    def first(self) -> str:
        """How the first of the keys is written."""
        return self.shown.split(" ")[0] if self.shown else _written(self.keys.split(",")[0])


_WRITTEN = {
    "enter": "⏎",
    "escape": "esc",
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "exclamation_mark": "!",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
    "tab": "⇥",
    "shift+tab": "⇧⇥",
    "backspace": "⌫",
}


def _written(key: str) -> str:
    key = key.strip()
    if key in _WRITTEN:
        return _WRITTEN[key]
    if key.startswith("ctrl+"):
        return f"^{'spc' if key == 'ctrl+space' else key[5:]}"
    return key.upper() if key.startswith("f") and key[1:].isdigit() else key
