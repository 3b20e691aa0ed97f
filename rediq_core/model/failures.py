"""Failures by cause: what many tasks in retry and dead have in common.

Values only. A cause is told by its fingerprint, equal for failures of one task type at one place in
the code; `cause:` in a WHERE picks its tasks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Failure:
    """One cause, in one queue or several.

    Attributes:
        fingerprint: Names it; "other" for those of a queue that had too many to tell apart.
        tasks: Tasks that are in retry or dead because of it.
        summary: The error, in words.
        first_ms: When it happened first.
        last_ms: When it happened last.
        seen: How often it happened, those that were retried since included.
        queues: Where.
        types: Types of its latest tasks.
        sample: Id of one of its latest tasks.
    """

    fingerprint: str
    tasks: int
    summary: str
    first_ms: int
    last_ms: int
    seen: int
    queues: tuple[str, ...]
    types: tuple[str, ...]
    sample: str


def merge(failures: Iterable[Failure]) -> list[Failure]:
    """Return one failure for each fingerprint over all queues, those of most tasks first."""
    merged: dict[str, Failure] = {}
    for failure in failures:
        before = merged.get(failure.fingerprint)
        merged[failure.fingerprint] = failure if before is None else _both(before, failure)
    return sorted(merged.values(), key=lambda each: (-each.tasks, each.fingerprint))


def _both(one: Failure, two: Failure) -> Failure:
    later = max(one, two, key=lambda each: each.last_ms)
    known = [each.first_ms for each in (one, two) if each.first_ms]
    return replace(
        later,
        tasks=one.tasks + two.tasks,
        first_ms=min(known, default=0),
        seen=one.seen + two.seen,
        queues=tuple(dict.fromkeys([*one.queues, *two.queues])),
        types=tuple(dict.fromkeys([*one.types, *two.types])),
    )
