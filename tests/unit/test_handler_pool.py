"""Handlers in processes of their own: what they are given, what comes back, which process runs."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path

import pytest
import uvloop

from rediq_core.errors import ConfigError, DuplicateTask, RedisUnavailable
from rediq_core.handlers.context import Dependency
from rediq_core.handlers.outcomes import Verdict, describe, judge
from rediq_core.handlers.signals import Permanent, Retry, Snooze
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.ids import derived_id
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.worker.handler_failures import RemoteFailure
from rediq_core.worker.handler_pool import HandlerPool
from tests.support.waiting import await_until
from tests.unit import handler_pool_handlers as handlers
from tests.unit.handler_pool_support import (
    MODULE,
    handler,
    is_there,
    open_pool,
    run,
    run_context,
)
from tests.unit.handlers_support import MemoryRuntime, context

PAYLOAD = {"text": "Grüße \u2028 \ud83d\ude80".encode("utf-16", "surrogatepass").decode("utf-16")}


async def test_a_result_comes_back_as_json() -> None:
    async with open_pool() as pool:
        encoded = await pool.run(handler("echo"), run_context("echo", PAYLOAD))

    assert json.loads(encoded) == PAYLOAD


async def test_no_result_comes_back_as_no_bytes() -> None:
    async with open_pool() as pool:
        ctx = run_context("nothing")

        assert await pool.run(handler("nothing"), ctx) == b""
        assert await pool.run_plain(handler("nothing"), ctx) is None


async def test_a_payload_is_checked_in_the_process() -> None:
    async with open_pool() as pool:
        assert await run(pool, "typed", {"order_id": 7}) == 7
        with pytest.raises(RemoteFailure) as caught:
            await run(pool, "typed", {"order_id": "seven"})

    outcome = judge(caught.value, "typed")
    assert (outcome.verdict, outcome.failure.error_type) == (Verdict.DEAD, "InvalidPayload")
    assert "order_id" in outcome.failure.message


async def test_a_handler_sees_its_whole_task() -> None:
    task = Task(
        "describe",
        {"a": [1, 2]},
        queue="payment",
        priority=3,
        max_retry=9,
        timeout="40s",
        unique_key="pay|7%",
        extra={"trace": "abc"},
        group="g",
    )
    ctx = context(task)
    ctx.task.attempt, ctx.task.losses = 4, 1

    async with open_pool() as pool:
        seen = await pool.run_plain(handler("describe"), ctx)

    claimed: ClaimedTask = ctx.task
    assert seen == {
        "id": claimed.id,
        "queue": "payment",
        "type": "describe",
        "priority": 3,
        "attempt": 4,
        "losses": 1,
        "token": claimed.token,
        "unique_key": "pay|7%",
        "group": "g",
        "timeout_ms": 40_000,
        "ready_ms": claimed.ready_ms,
        "claimed_ms": claimed.claimed_ms,
        "extra": {"trace": "abc"},
        "max_retry": 9,
        "payload": '{"a":[1,2]}',
        "has_time": True,
    }


async def test_a_process_is_reused_and_the_last_one_first() -> None:
    async with open_pool(size=3) as pool:
        await pool.warm(3)
        first = await run(pool, "pid")
        second = await run(pool, "pid")

        assert (first, pool.idle, len(pool.pids)) == (second, 3, 3)


async def test_runs_go_on_side_by_side(tmp_path: Path) -> None:
    async with open_pool(size=2) as pool:
        pids = await asyncio.gather(run(pool, "pid"), run(pool, "pid"))

        assert len(set(pids)) == 2


async def test_no_more_than_its_size_is_kept_idle() -> None:
    async with open_pool(size=1) as pool:
        await asyncio.gather(run(pool, "pid"), run(pool, "pid"), run(pool, "pid"))
        await await_until(lambda: len(pool.pids) == 1, "the others have ended by themselves")

        assert pool.idle == 1


async def test_a_process_ends_after_its_share_of_runs() -> None:
    async with open_pool(size=1, max_runs=2) as pool:
        pids = [await run(pool, "pid") for _ in range(4)]

        assert pids[0] == pids[1] != pids[2] == pids[3]


async def test_a_process_that_a_run_left_too_large_takes_no_other() -> None:
    async with open_pool(size=1, max_rss_bytes=1) as pool:
        assert await run(pool, "pid") != await run(pool, "pid")


async def test_a_warm_process_costs_less_than_a_millisecond_a_run() -> None:
    async with open_pool(size=1) as pool:
        await run(pool, "echo")
        spent_s = []
        for _ in range(100):
            begun_s = time.perf_counter()
            await run(pool, "echo")
            spent_s.append(time.perf_counter() - begun_s)

    # The median: other work on the machine shows in the slowest ones.
    assert sorted(spent_s)[50] < 0.001


async def test_the_pid_is_told_when_the_process_has_taken_the_run() -> None:
    started: list[int] = []

    async with open_pool() as pool:
        encoded = await pool.run(handler("pid"), run_context("pid"), on_started=started.append)

    assert started == [json.loads(encoded)]


def test_it_works_on_uvloop_too() -> None:
    async def main() -> object:
        async with open_pool() as pool:
            return await run(pool, "echo", PAYLOAD)

    assert uvloop.run(main()) == PAYLOAD


async def test_a_handler_reads_nothing_from_the_terminal() -> None:
    async with open_pool() as pool:
        assert await run(pool, "stdin") == ""


@pytest.mark.parametrize(
    ("kind", "signal_type", "verdict", "delay_ms", "message"),
    [
        ("permanent", Permanent, Verdict.DEAD, None, "card declined"),
        ("retry", Retry, Verdict.RETRY, 7_000, "bank is busy"),
        ("snooze", Snooze, Verdict.SNOOZE, 7_200_000, "bank is closed"),
    ],
)
async def test_a_signal_is_the_same_signal_here(
    kind: str, signal_type: type[Permanent], verdict: Verdict, delay_ms: int | None, message: str
) -> None:
    async with open_pool() as pool:
        with pytest.raises(signal_type) as caught:
            await run(pool, "raise", {"kind": kind})

    outcome = judge(caught.value, "raise")
    assert caught.value.reason == message
    assert getattr(caught.value, "delay_ms", None) == delay_ms
    assert (outcome.verdict, outcome.delay_ms) == (verdict, delay_ms)
    assert (outcome.failure.error_type, outcome.failure.message) == (signal_type.__name__, message)


async def test_an_exception_is_recorded_as_if_it_had_been_raised_here() -> None:
    async with open_pool() as pool:
        with pytest.raises(RemoteFailure) as caught:
            await run(pool, "raise", {"kind": "7"})
    try:
        handlers.raise_it(run_context("raise"), {"kind": "7"})  # type: ignore[arg-type]  # unused
    except ValueError as error:
        here = describe(error, "raise")

    outcome = judge(caught.value, "raise")
    assert outcome.verdict is Verdict.RETRY
    assert (outcome.failure.error_type, outcome.failure.message, outcome.failure.fingerprint) == (
        here.error_type,
        here.message,
        here.fingerprint,
    )
    assert "in raise_it" in outcome.failure.traceback
    assert "rediq_core" not in outcome.failure.traceback
    assert str(caught.value) == "ValueError: no money for order 7"


async def test_a_process_is_reused_after_a_failure() -> None:
    async with open_pool() as pool:
        before = await run(pool, "pid")
        for kind in ("plain", "exit"):
            with pytest.raises(RemoteFailure):
                await run(pool, "raise", {"kind": kind})

        assert await run(pool, "pid") == before


async def test_a_huge_message_stays_where_it_was_raised() -> None:
    async with open_pool() as pool:
        await pool.warm()
        begun_s = time.perf_counter()
        with pytest.raises(RemoteFailure) as caught:
            await run(pool, "raise", {"kind": "huge"})
        spent_s = time.perf_counter() - begun_s

    failure = judge(caught.value, "raise").failure
    assert len(failure.message.encode()) <= 2 * 1024
    assert len(failure.traceback.encode()) <= 16 * 1024
    assert spent_s < 1


@pytest.mark.parametrize(
    ("payload", "error_type"), [("large", "PayloadTooLarge"), ("set", "InvalidPayload")]
)
async def test_a_result_that_cannot_be_kept_is_dead(payload: str, error_type: str) -> None:
    async with open_pool() as pool:
        with pytest.raises(RemoteFailure) as caught:
            await run(pool, "return", payload)

    outcome = judge(caught.value, "return")
    assert (outcome.verdict, outcome.failure.error_type) == (Verdict.DEAD, error_type)


async def test_progress_is_reported_from_the_process() -> None:
    runtime = MemoryRuntime()
    ctx = run_context("progress", None, runtime)

    async with open_pool() as pool:
        await pool.run(handler("progress"), ctx)
    ctx.finish()

    assert runtime.progress == [(ctx.id, 10.0, "begun"), (ctx.id, 90.0, "almost")]


async def test_children_are_enqueued_by_the_task_process() -> None:
    runtime = MemoryRuntime()
    ctx = run_context("enqueue", {"to": 7}, runtime)

    async with open_pool() as pool:
        ids = await pool.run_plain(handler("enqueue"), ctx)

    first, second, third = runtime.enqueued
    assert ids == [first.id, second.id, first.id]
    assert first.id == derived_id(ctx.id, 0, "mails") == third.id
    assert (first.type, first.payload, first.queue) == ("mail", {"to": 7}, "mails")
    assert second.id == derived_id(ctx.id, 1, "mails")
    assert second.parent_ids == (first.id,)
    assert (second.priority, second.max_retry, second.unique_key) == (7, 2, "mail:1|2")
    assert (second.timeout.total_seconds(), second.delay.total_seconds()) == (5, 1.5)  # type: ignore[union-attr]  # timedeltas
    assert second.backoff == handlers.Backoff.fixed("3s")
    assert second.extra == {"trace": "a"}


async def test_a_child_of_a_middleware_and_one_of_the_handler_are_two() -> None:
    runtime = MemoryRuntime()
    ctx = run_context("enqueue", {}, runtime)

    async with open_pool() as pool:
        own = await ctx.enqueue(Task("mail", queue="mails"))
        ids = await pool.run_plain(handler("enqueue"), ctx)

    assert own == derived_id(ctx.id, 0, "mails")
    assert ids == [derived_id(ctx.id, n, "mails") for n in (1, 2, 1)]


class Refusing(MemoryRuntime):
    """Refuse every task."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def enqueue_sync(self, task: Task[object]) -> str:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        DuplicateTask("the key is taken.", owner_id="X", cause="By X.", next_step="Wait"),
        RedisUnavailable("no answer.", ambiguous=True),
    ],
)
async def test_a_refused_child_raises_the_same_error_there(error: Exception) -> None:
    async with open_pool() as pool:
        seen = await pool.run_plain(
            handler("refused"), run_context("refused", None, Refusing(error))
        )

    assert seen == [type(error).__name__, error.code, str(error), vars(error)]  # type: ignore[attr-defined]  # RediqErrors


async def test_an_uncaught_refusal_is_the_runs_failure() -> None:
    refusing = Refusing(DuplicateTask("the key is taken.", owner_id="X"))

    async with open_pool() as pool:
        with pytest.raises(RemoteFailure) as caught:
            await pool.run(handler("refuse"), run_context("refuse", None, refusing))

    assert judge(caught.value, "refuse").failure.message == "E009 the key is taken."


async def test_a_defect_in_the_task_process_fails_the_run_and_ends_its_process() -> None:
    async with open_pool() as pool:
        with pytest.raises(ZeroDivisionError):
            await pool.run(
                handler("refuse"), run_context("refuse", None, Refusing(ZeroDivisionError()))
            )
        await await_until(lambda: pool.pids == (), "the process is gone")


async def test_parents_are_seen_in_the_process() -> None:
    parent = Dependency("P", "order:pay", TaskState.COMPLETED, {"paid": True})
    runtime = MemoryRuntime([parent])
    ctx = context(Task("parents", depends_on="P"), runtime)

    async with open_pool() as pool:
        seen = await pool.run_plain(handler("parents"), ctx)
        none = await pool.run_plain(handler("parents"), run_context("parents"))

    assert (seen, none) == ([["P", "order:pay", "completed", {"paid": True}]], [])


async def test_what_a_handler_logs_comes_out_here(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ctx = run_context("log")

    async with open_pool() as pool:
        await pool.run(handler("log"), ctx)

    (record,) = [record for record in caplog.records if record.name == "rediq.task"]
    assert (record.getMessage(), record.levelname) == ("printing a bill failed", "WARNING")
    assert (record.task_id, record.printer) == (ctx.id, 3)  # type: ignore[attr-defined]  # extra
    assert "ValueError: no paper" in (record.exc_text or "")


async def test_a_thread_that_outlives_its_run_enqueues_nothing(tmp_path: Path) -> None:
    runtime = MemoryRuntime()
    file = tmp_path / "code"

    async with open_pool(size=1) as pool:
        await pool.run(handler("late"), run_context("late", {"file": str(file)}, runtime))
        while not file.exists():  # its process is asked again, so its socket is read
            await run(pool, "nothing")
        await await_until(file.read_text, "the refusal was written")

    assert (file.read_text(), runtime.enqueued) == ("E012", [])


async def test_a_handler_is_found_by_its_module_when_none_was_named() -> None:
    pool = HandlerPool([], None, 1)
    try:
        assert await pool.run_plain(handler("echo"), run_context("echo", 1)) == 1
    finally:
        await pool.aclose()


async def test_a_type_that_is_not_there_is_a_failure_that_says_so() -> None:
    known = handler("echo").under(handlers.Mux()._scope)
    known.type = "gone"

    async with open_pool() as pool:
        with pytest.raises(RemoteFailure) as caught:
            await pool.run(known, run_context("gone"))

        assert pool.idle == 1

    failure = judge(caught.value, "gone").failure
    assert failure.error_type == "ConfigError"
    assert failure.message.startswith('E014 type "gone" has no handler in a handler process.')


async def test_a_handler_of_another_mode_is_refused() -> None:
    async with open_pool() as pool:
        with pytest.raises(RemoteFailure, match="does not run in a process"):
            await run(pool, "thread")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit(4)", "exited with status 4 while it started"),
        ("mux = None", "holds no Mux"),
    ],
)
async def test_a_module_that_cannot_be_used_is_named(
    tmp_path: Path, source: str, complaint: str
) -> None:
    (tmp_path / "broken_handlers.py").write_text(source + "\n")
    pool = HandlerPool(["broken_handlers"], str(tmp_path), 1)

    with pytest.raises(ConfigError) as caught:
        await pool.warm()
    await pool.aclose()

    assert "broken_handlers" in str(caught.value)
    assert complaint in str(caught.value)
    assert pool.pids == ()


async def test_a_module_that_is_not_there_is_named() -> None:
    pool = HandlerPool([MODULE, "nowhere.handlers"], None, 1)

    with pytest.raises(ConfigError, match=r'cannot import "nowhere\.handlers"'):
        await pool.run(handler("echo"), run_context("echo"))
    await pool.aclose()


async def test_a_module_that_never_finishes_importing_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "slow_handlers.py").write_text("import threading; threading.Event().wait()\n")
    pool = HandlerPool(["slow_handlers"], str(tmp_path), 1, start_timeout_s=0.5)

    with pytest.raises(ConfigError, match=r"was not ready within 0\.5 s"):
        await pool.warm()
    await pool.aclose()

    assert pool.pids == ()


async def test_a_project_file_named_like_a_standard_module_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text("raise RuntimeError('this is not the standard queue')\n")
    source = Path(handlers.__file__).read_text()
    (tmp_path / "own_handlers.py").write_text(source)
    pool = HandlerPool(["own_handlers"], str(tmp_path), 1)

    try:
        assert await pool.run_plain(handler("echo"), run_context("echo", 1)) == 1
    finally:
        await pool.aclose()


async def test_a_closed_pool_starts_nothing() -> None:
    async with open_pool() as pool:
        pids = [await run(pool, "pid")]
    await pool.aclose()

    with pytest.raises(ConfigError, match="is closed"):
        await run(pool, "pid")
    assert not is_there(int(str(pids[0])))
