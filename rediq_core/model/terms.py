"""The terms of a WHERE: one condition each, and what of a task it looks at.

Values may hold `*` and `?`. Names, ids and payload values are compared whole and with case;
`error:` and `text:` look anywhere in the text and ignore case; `cause:` takes the beginning of
a fingerprint. Nothing is a regular expression.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from rediq_core.errors import InvalidOption, InvalidPayload
from rediq_core.model.durations import duration_ms
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView

PATH_KEYS = ("payload", "extra")
"""Of the term keys, those that are followed by a dot and a path."""


Test = Callable[[TaskView, int], bool]


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. Compared by its words; the compiled test is not part of its value.

    Attributes:
        key: What it looks at, such as "type" or "payload.order_id".
        value: What was typed after the colon.
    """

    key: str
    value: str
    _test: Test = field(compare=False, repr=False)

    @property
    def word(self) -> str:
        """Return the term as it is typed."""
        return f"{self.key}:{self.value}"

    def matches(self, task: TaskView, now_ms: int) -> bool:
        """Return True if the condition holds for a task at the server's time."""
        return self._test(task, now_ms)


def parse_term(key: str, value: str) -> Term:
    """Compile one term.

    Raises:
        InvalidOption: The value is empty or not of the key's kind, or the path is empty.
    """
    if not value.strip():
        raise InvalidOption(
            f"{key}: has no value.",
            cause="An empty value would match everything.",
            next_step=f"Write {key}:VALUE, or leave the word out.",
        )
    root, dot, path = key.partition(".")
    if root in PATH_KEYS:
        if not dot or not all(path.split(".")):
            raise InvalidOption(
                f"{key!r} names no field.",
                next_step=f"Name one after a dot: {root}.order_id:{value}",
            )
        matcher = _payload_matches if root == "payload" else _extra_matches
        return Term(key, value, partial(matcher, path.split("."), _glob(value)))
    return Term(key, value, _BUILDERS[key](value))


def _glob(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    # Runs of * are one: several in a row would make the matcher try every way to share the text.
    pattern = re.sub(r"\*+", "*", pattern)
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile("".join(parts), flags)


def _whole(value: str, read: Callable[[TaskView], str]) -> Test:
    glob = _glob(value)
    return lambda task, _: glob.fullmatch(read(task)) is not None


def _anywhere(value: str, read: Callable[[TaskView], str]) -> Test:
    glob = _glob(value, ignore_case=True)
    return lambda task, _: glob.search(read(task)) is not None


def _cause(value: str) -> Test:
    return _whole(value if value.endswith("*") else value + "*", _fingerprint)


def _fingerprint(task: TaskView) -> str:
    last = task.last_failure
    return "" if last is None else last.fingerprint


def _all_text(task: TaskView) -> str:
    payload = task.payload_json.decode("utf-8", "backslashreplace")
    return "\n".join((task.id, task.type, task.error, payload))


def entered_ms(task: TaskView) -> int:
    """Return since when a task is in its state, as well as it is known; 0 if it is not.

    Pending tasks count from when they became ready, delayed and retried ones from what last
    happened to them.
    """
    known_ms = task.finished_ms or task.since_ms
    if known_ms:
        return known_ms
    if task.state is TaskState.PENDING:
        return task.place_ms or task.enqueued_ms
    return task.timeline[-1].at_ms if task.timeline else task.enqueued_ms


def _age_ms(task: TaskView, now_ms: int) -> int | None:
    start_ms = entered_ms(task)
    return now_ms - start_ms if start_ms else None


def _older(value: str) -> Test:
    limit_ms = duration_ms(value, "older:")

    def test(task: TaskView, now_ms: int) -> bool:
        age_ms = _age_ms(task, now_ms)
        return age_ms is not None and age_ms >= limit_ms

    return test


def _newer(value: str) -> Test:
    limit_ms = duration_ms(value, "newer:")

    def test(task: TaskView, now_ms: int) -> bool:
        age_ms = _age_ms(task, now_ms)
        return age_ms is not None and age_ms < limit_ms

    return test


def _attempts(value: str) -> Test:
    match = re.fullmatch(r"(\d{1,9})(?:(\+)|-(\d{1,9}))?", value)
    if match is None:
        raise InvalidOption(
            f"attempts:{value} is not a number of attempts.",
            next_step="Write attempts:3, attempts:3+ or attempts:2-5.",
        )
    least = int(match[1])
    most = int(match[3]) if match[3] else None if match[2] else least
    return lambda task, _: least <= task.attempts and (most is None or task.attempts <= most)


def _payload_matches(path: list[str], glob: re.Pattern[str], task: TaskView, now_ms: int) -> bool:
    del now_ms
    try:
        payload = task.payload
    except InvalidPayload:
        return False
    return _value_matches(payload, path, glob)


def _extra_matches(path: list[str], glob: re.Pattern[str], task: TaskView, now_ms: int) -> bool:
    del now_ms
    return _value_matches(task.extra, path, glob)


def _value_matches(value: object, path: list[str], glob: re.Pattern[str]) -> bool:
    """Walk a path; a list on the way is tried at its index, or at each of its elements."""
    if isinstance(value, Mapping):
        return any(_value_matches(value[key], rest, glob) for key, rest in _keys(value, path))
    if not isinstance(value, list):
        return not path and glob.fullmatch(_scalar(value)) is not None
    if path and re.fullmatch(r"\d{1,9}", path[0]):
        at = int(path[0])
        return any(_value_matches(element, path[1:], glob) for element in value[at : at + 1])
    return any(_value_matches(element, path, glob) for element in value)


def _keys(value: Mapping[str, object], path: list[str]) -> list[tuple[str, list[str]]]:
    # A key may itself hold a dot, so the whole rest of the path is tried as one key too.
    tries = {path[0]: path[1:], ".".join(path): []} if path else {}
    return [(key, rest) for key, rest in tries.items() if key in value]


def _scalar(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_BUILDERS: dict[str, Callable[[str], Test]] = {
    "type": lambda value: _whole(value, lambda task: task.type),
    "worker": lambda value: _whole(value, lambda task: task.worker),
    "group": lambda value: _whole(value, lambda task: task.group),
    "cause": _cause,
    "error": lambda value: _anywhere(value, lambda task: task.error),
    "text": lambda value: _anywhere(value, _all_text),
    "older": _older,
    "newer": _newer,
    "attempts": _attempts,
}
