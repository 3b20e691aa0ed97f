"""A run's context: what it says, and what it does when asked."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from rediq_core.errors import InvalidOption
from rediq_core.handlers.context import Dependency, SyncContext, share_run
from rediq_core.model.ids import derived_id, tag_of_queue
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from tests.support.waiting import wait_until
from tests.unit.handlers_support import NOW_MS, MemoryRuntime, context, sync_context


def test_a_context_says_which_run_it_is() -> None:
    task = Task("order:payment", {"order_id": 7}, queue="payment", priority=3, extra={"total": 9})

    ctx = context(task)

    assert (ctx.id, ctx.attempt, ctx.token) == (task.id, 2, "w#1:7")
    assert (ctx.task.queue, ctx.task.priority, ctx.task.extra) == ("payment", 3, {"total": 9})


def test_the_deadline_is_an_aware_instant_and_the_rest_shrinks() -> None:
    runtime = MemoryRuntime()
    ctx = context(runtime=runtime)
    runtime.clock.now_s += 10

    assert ctx.remaining_s == 20.0
    assert ctx.deadline == datetime.fromtimestamp(NOW_MS / 1000 + 20, UTC)


def test_a_run_without_timeout_has_no_deadline() -> None:
    ctx = SyncContext(context().task, MemoryRuntime())

    assert (ctx.deadline, ctx.remaining_s) == (None, None)


def test_log_records_carry_the_task_and_the_callers_own_fields(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ctx = context(Task("order:payment", queue="payment"))

    with caplog.at_level(logging.INFO, logger="rediq.task"):
        ctx.log.info("charged %d", 5, extra={"bank": "north"})

    fields = vars(caplog.records[0])
    assert caplog.messages == ["charged 5"]
    assert {
        name: fields[name] for name in ("task_id", "task_type", "queue", "attempt", "bank")
    } == {
        "task_id": ctx.id,
        "task_type": "order:payment",
        "queue": "payment",
        "attempt": 2,
        "bank": "north",
    }


def test_dependencies_are_read_once_in_their_order() -> None:
    parents = (
        Dependency("B", "b", TaskState.DEAD),
        Dependency("A", "a", TaskState.COMPLETED, {"n": 1}),
    )
    runtime = MemoryRuntime(parents)
    ctx = context(runtime=runtime)

    assert (ctx.dependencies, ctx.dependencies) == (parents, parents)
    assert runtime.dependency_reads == 1


def test_the_first_cancel_reason_stands() -> None:
    ctx = context()
    before = ctx.cancelled, ctx.cancel_reason

    ctx.cancel("timeout")
    ctx.cancel("shutdown")

    assert before == (False, None)
    assert (ctx.cancelled, ctx.cancel_reason) == (True, "timeout")


def test_a_thread_sees_the_flags_and_state_of_its_run() -> None:
    ctx = context()
    twin = share_run(ctx, SyncContext)

    ctx.cancel("cancel")
    ctx.state["trace"] = "abc"

    assert (twin.cancel_reason, twin.state) == ("cancel", {"trace": "abc"})
    assert (twin.task, twin.remaining_s) == (ctx.task, 30.0)


async def test_children_have_ids_that_a_repeated_run_finds_again() -> None:
    parent = Task("order:payment", queue="payment")
    runtime = MemoryRuntime()

    async def run() -> list[str]:
        ctx = context(parent, runtime)
        return [
            await ctx.enqueue(Task("order:sms", queue="sms")),
            await ctx.enqueue(Task("order:ship", queue="ship")),
        ]

    assert await run() == await run()
    assert await run() == [
        derived_id(parent.id, 0, "sms"),
        derived_id(parent.id, 1, "ship"),
    ]


async def test_the_same_child_twice_in_a_run_is_one_child() -> None:
    runtime = MemoryRuntime()
    ctx = context(runtime=runtime)
    child = Task("order:sms", {"to": 1})

    assert await ctx.enqueue(child) == await ctx.enqueue(child)
    assert runtime.enqueued[0] == runtime.enqueued[1]


async def test_a_childs_own_id_is_kept() -> None:
    ctx = context()

    assert await ctx.enqueue(Task("order:sms", id="sms-for-7")) == "sms-for-7"


async def test_a_child_that_depends_on_a_sibling_names_it_by_its_enqueued_id() -> None:
    runtime = MemoryRuntime()
    ctx = context(runtime=runtime)
    first = Task("a")
    second = Task("b", depends_on=[first, "elsewhere"])

    first_id = await ctx.enqueue(first)
    await ctx.enqueue(second)

    assert runtime.enqueued[1].parent_ids == (first_id, "elsewhere")


def test_a_plain_handler_enqueues_by_the_same_rule() -> None:
    runtime = MemoryRuntime()
    ctx = sync_context(runtime=runtime)

    child_id = ctx.enqueue(Task("order:sms", queue="sms"))

    assert child_id == derived_id(ctx.id, 0, "sms")
    assert child_id[10:14] == tag_of_queue("sms")


def test_progress_goes_out_at_once_and_then_twice_a_second() -> None:
    runtime = MemoryRuntime()
    ctx = context(runtime=runtime)

    for tenth in range(21):
        runtime.clock.now_s = 100 + tenth / 10
        ctx.progress(tenth, f"step {tenth}")
    ctx.finish()

    sent = [percent for _, percent, _ in runtime.progress]
    assert sent == [0.0, 5.0, 10.0, 15.0, 20.0]
    assert runtime.progress[-1] == (ctx.id, 20.0, "step 20")


def test_the_last_progress_value_gets_out_when_the_run_ends() -> None:
    runtime = MemoryRuntime()
    ctx = context(runtime=runtime)
    for percent in range(100):
        ctx.progress(percent)

    ctx.finish()

    assert [percent for _, percent, _ in runtime.progress] == [0.0, 99.0]


async def test_a_waiting_progress_value_gets_out_by_itself_on_the_loop() -> None:
    from tests.support.waiting import await_until

    runtime = MemoryRuntime()
    ctx = context(runtime=runtime)

    ctx.progress(1)
    ctx.progress(2, "two")

    await await_until(lambda: len(runtime.progress) == 2, "the second value is reported")
    assert runtime.progress[1] == (ctx.id, 2.0, "two")


def test_a_waiting_progress_value_gets_out_by_itself_in_a_thread() -> None:
    runtime = MemoryRuntime()
    ctx = sync_context(runtime=runtime)

    ctx.progress(1)
    ctx.progress(2, "two")

    wait_until(lambda: len(runtime.progress) == 2, "the second value is reported")
    assert runtime.progress[1] == (ctx.id, 2.0, "two")


def test_progress_is_moved_into_its_range_and_its_message_cut() -> None:
    runtime = MemoryRuntime()
    ctx = context(runtime=runtime)

    ctx.progress(250, "x" * 10_000)

    assert runtime.progress == [(ctx.id, 100.0, "x" * 500)]


@pytest.mark.parametrize("percent", [float("nan"), "half", None])
def test_progress_that_is_no_number_is_refused(percent: object) -> None:
    with pytest.raises(InvalidOption, match="is not a number from 0 to 100"):
        context().progress(percent)  # type: ignore[arg-type]  # the wrong type is the test


def test_a_context_without_extras_holds_nothing_shared() -> None:
    ctx = context()

    assert (ctx.cancelled, ctx.members) == (False, ())
    ctx.finish()
    assert ctx._shared is None
