"""Bulk work as large as a bad day: a real Ctrl-C half way, and an undo that leaves no trace.

The same claims are made with few tasks in `test_operations.py`; here the batches, the pipelines and
the record of an operation meet numbers that do not fit into one of anything.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest
import redis

from rediq_core.keys import queue_key
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from tests.cli.conftest import Rediq
from tests.support.cli import PROGRAM, clean_environment
from tests.support.desk import NAMESPACE, Desk
from tests.support.seeding import seed
from tests.support.waiting import wait_until

CAUSES = ("4f2a0000", "77777777", "88888888")
FAILURES = 100_000
FLUSHED = 10_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def rows_of(client: redis.Redis, ids: list[str]) -> dict[str, list[object]]:
    """Return everything that a queue holds of some tasks: rows, places, causes, timelines."""
    found: dict[str, list[object]] = {task_id: [] for task_id in ids}
    for start in range(0, len(ids), 5_000):
        chunk = ids[start : start + 5_000]
        pipe = client.pipeline(transaction=False)
        for name in ("tasks", "causes", "runs", "tries", "trashed"):
            pipe.hmget(queue_key(NAMESPACE, "q", name), chunk)
        for name in ("pending", "dead", "retry", "trash"):
            pipe.zmscore(queue_key(NAMESPACE, "q", name), chunk)
        for column in pipe.execute():
            for task_id, value in zip(chunk, column, strict=True):
                found[task_id].append(value)
    return found


def test_one_cause_of_a_hundred_thousand_is_retried_once_over_a_ctrl_c(
    rediq: Rediq, desk: Desk, server: dict[str, str]
) -> None:
    at_ms = desk.server_ms() - 1_000
    ids = seed(desk.client, NAMESPACE, "q", "dead", FAILURES, at_ms=at_ms, causes=CAUSES)
    chosen, others = ids[::3], [task_id for n, task_id in enumerate(ids) if n % 3]
    before = rows_of(desk.client, others)
    pending = queue_key(NAMESPACE, "q", "pending")
    process = subprocess.Popen(
        [*PROGRAM, "task", "retry", "dead:q", "cause:4f2a", "--yes"],
        env=clean_environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: desk.client.zcard(pending) >= len(chosen) // 3, "a third is retried", 60)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    between = desk.client.zcard(pending)

    resumed = rediq("op", "resume", err.split()[-1])

    assert (process.returncode, resumed.code) == (130, 0)
    assert len(chosen) // 3 <= between < len(chosen)
    members = {member.decode() for member in desk.client.zrange(pending, 0, -1)}
    assert members == set(chosen)
    stories = rows_of(desk.client, chosen)
    assert {row[2].count(b'"o":"retry"') for row in stories.values()} == {1}  # type: ignore[attr-defined]  # bytes
    assert rows_of(desk.client, others) == before
    assert desk.admin.queue("q").counts[TaskState.DEAD] == len(others)


# What a deletion and its undo leave behind on purpose: the books, and lines in timelines.
BOOKS = ("audit", "events", "requests", "wake", "runs")


def test_undo_of_ten_thousand_leaves_no_trace(rediq: Rediq, desk: Desk) -> None:
    fill(desk)
    before, stories = everything_but_books(desk), desk.queue("q").hash("runs")
    assert sum(desk.admin.queue("q").counts.values()) == FLUSHED

    flushed = rediq("queue", "flush", "all:q", "--confirm", "q")
    emptied = sum(desk.admin.queue("q").counts.values())
    undone = rediq("undo")

    assert flushed.out.startswith(f"flushed {FLUSHED:,} tasks of all:q")
    assert emptied == FLUSHED  # all of it in the trash
    assert f"restored {FLUSHED:,} tasks of flush all:q" in undone.out
    after = everything_but_books(desk)
    assert sorted(after) == sorted(before)
    assert {key for key in before if after[key] != before[key]} == set()
    now = desk.queue("q").hash("runs")
    assert all(now[task_id].startswith(story) for task_id, story in stories.items())


def fill(desk: Desk) -> None:
    """Put ten thousand tasks into every state that an operator can delete from."""
    rig = desk.queue("q")
    for start in range(0, FLUSHED // 4, 500):
        rig.put(
            *[
                Task("mail", {"n": n}, queue="q", unique_key=f"order {n}", priority=n % 100)
                for n in range(start, start + 500)
            ]
        )
    others: list[tuple[Callable[..., list[str]], dict[str, object]]] = [
        (desk.pending, {"delay": "1h", "expires_in": "2h"}),
        (desk.dead, {}),
        (desk.retry, {"max_retry": 3}),
        (desk.completed, {"keep": "1d"}),
        (desk.pending, {"type": "late", "delay": "2h"}),
        (desk.dead, {"type": "odd"}),
    ]
    for put, options in others:
        put("q", FLUSHED // 8, **options)


def everything_but_books(desk: Desk) -> dict[bytes, object]:
    prefix = queue_key(NAMESPACE, "q", "").encode()
    return {
        key: value
        for key, value in desk.everything().items()
        if key.startswith(prefix) and key.removeprefix(prefix).decode() not in BOOKS
    }
