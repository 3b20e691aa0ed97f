"""What holds for a run: task, then type, then queue, then default."""

from __future__ import annotations

from rediq_core.handlers.context import Context
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.registration import Registration
from rediq_core.handlers.settings import Defaults, RunSettings, resolve
from rediq_core.model.retry import DEFAULT_BACKOFF, Backoff
from rediq_core.model.task import Task
from rediq_core.model.task_type import TaskType
from tests.unit.handlers_support import claim

OF_TASK, OF_TYPE, OF_QUEUE = Backoff.fixed(1), Backoff.fixed(2), Backoff.fixed(3)
QUEUE = Defaults(7, 7_000, OF_QUEUE, 7)


def registration(contract: TaskType[object, object]) -> Registration:
    mux = Mux()

    @mux.handler(contract)
    async def handler(ctx: Context) -> None: ...

    return handler.registration


SILENT = registration(TaskType("a"))
FULL = registration(TaskType("a", max_retry=0, timeout="5s", backoff=OF_TYPE, keep="6s"))


def test_defaults_hold_where_nobody_says_anything() -> None:
    assert resolve(claim(Task("a")), SILENT) == RunSettings(3, 30_000, DEFAULT_BACKOFF, 0)


def test_the_queue_holds_where_the_type_says_nothing() -> None:
    assert resolve(claim(Task("a")), SILENT, QUEUE) == RunSettings(7, 7_000, OF_QUEUE, 7)


def test_the_type_wins_over_the_queue() -> None:
    assert resolve(claim(Task("a")), FULL, QUEUE) == RunSettings(0, 5_000, OF_TYPE, 6_000)


def test_the_task_wins_over_its_type() -> None:
    task = Task("a", max_retry=1, timeout="1s", backoff=OF_TASK, keep="1s")

    assert resolve(claim(task), FULL, QUEUE) == RunSettings(1, 1_000, OF_TASK, 1_000)


def test_what_the_task_leaves_open_comes_from_its_type() -> None:
    assert resolve(claim(Task("a", max_retry=0)), FULL) == RunSettings(0, 5_000, OF_TYPE, 6_000)
    assert resolve(claim(Task("a", timeout="1s")), FULL) == RunSettings(0, 1_000, OF_TYPE, 6_000)


def test_plain_tasks_of_a_queue_share_one_value() -> None:
    assert resolve(claim(Task("a")), FULL, QUEUE) is resolve(claim(Task("a")), FULL, QUEUE)


def test_queues_are_kept_apart() -> None:
    slow = Defaults(timeout_ms=90_000)

    timeouts = [
        resolve(claim(Task("a", queue=name)), SILENT, defaults).timeout_ms
        for name, defaults in (("payment", QUEUE), ("slow", slow), ("payment", QUEUE))
    ]

    assert timeouts == [7_000, 90_000, 7_000]


def test_changed_queue_settings_hold_at_once() -> None:
    before = resolve(claim(Task("a")), SILENT, QUEUE)
    after = resolve(claim(Task("a")), SILENT, Defaults(max_retry=1))

    assert (before.max_retry, after.max_retry, after.timeout_ms) == (7, 1, 30_000)
