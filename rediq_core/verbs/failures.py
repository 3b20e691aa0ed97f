"""Failures: causes of a queue, and the tasks of one, found without looking at any other task.

Pure functions over read-only scripts, each bounded by its page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rediq_core.connection.raw import Arg, Reply
from rediq_core.model.failures import Failure
from rediq_core.model.state import TaskState
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Causes of one call, and tasks of one call: about a millisecond of the server's time each.
MAX_CAUSES = 200
MAX_TASKS = 1_000


class CausedTask(NamedTuple):
    """One task of a cause."""

    id: str
    state: TaskState
    score: int
    at: int


@dataclass(frozen=True, slots=True)
class CausePage:
    """A bounded piece of the tasks of one cause.

    Attributes:
        at_ms: Server time of the reading.
        total: Tasks of the cause.
        seen: Tasks that were looked at.
        overflow: Tasks of the queue whose cause is not told apart from others.
        last: What the next page starts after, "" at the end.
        tasks: For each its id, its state, its score (due or finished ms), its place on the page.
    """

    at_ms: int
    total: int
    seen: int
    overflow: int
    last: str
    tasks: tuple[CausedTask, ...]


def read_causes(
    space: Space,
    queue: str,
    prefix: str,
    *,
    after: str = "",
    start: int = 0,
    limit: int = MAX_TASKS,
    is_reversed: bool = False,
) -> Call[CausePage]:
    """Read tasks whose fingerprint begins so: one round trip, O(log n + start + limit).

    Args:
        space: Namespace and clock.
        queue: The queue.
        prefix: The beginning of fingerprints.
        after: `last` of the page before, or "".
        start: Tasks to pass over from there.
        limit: Tasks at most, up to MAX_TASKS.
        is_reversed: Latest first, within a fingerprint.
    """
    args: list[Arg] = [prefix, after, max(start, 0), min(limit, MAX_TASKS), int(is_reversed)]
    return space.call(load("read_causes"), queue, args, _read_page)


def _read_page(reply: Reply) -> CausePage:
    now_ms, total, seen, overflow, last, *flat = reply
    tasks = tuple(
        CausedTask(id_.decode("utf-8", "replace"), TaskState(state.decode()), int(float(score)), at)
        for id_, state, score, at in zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
    )
    return CausePage(now_ms, total, seen, overflow, last.decode("utf-8", "replace"), tasks)


def read_failures(space: Space, queue: str, *, after: str = "") -> Call[tuple[list[Failure], str]]:
    """Read up to MAX_CAUSES causes of a queue: one round trip, O(log n) each.

    Args:
        space: Namespace and clock.
        queue: The queue.
        after: What the last call returned, or "".

    Returns:
        A call for the causes, and where the next one starts, "" at the end.
    """

    def read(reply: Reply) -> tuple[list[Failure], str]:
        _, more, *rows = reply
        failures = [_failure(queue, row) for row in rows]
        return failures, failures[-1].fingerprint if more else ""

    return space.call(load("read_failures"), queue, [after, MAX_CAUSES], read)


def _failure(queue: str, row: Reply) -> Failure:
    fingerprint, tasks, summary, first, last, seen, *latest = row
    types = dict.fromkeys(name.decode("utf-8", "replace") for name in latest[1::2] if name)
    return Failure(
        fingerprint.decode("utf-8", "replace"),
        tasks,
        summary.decode("utf-8", "replace"),
        int(first),
        int(last),
        int(seen),
        (queue,),
        tuple(types),
        latest[0].decode("utf-8", "replace") if latest else "",
    )
