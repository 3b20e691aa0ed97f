"""The testing kit, used as people would use it: on code that enqueues, and on handlers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from rediq_core import (
    Client,
    Context,
    DuplicateTask,
    Member,
    Mux,
    Permanent,
    Retry,
    Snooze,
    SyncClient,
    SyncContext,
    Task,
    TaskState,
    TaskType,
)
from rediq_core.errors import (
    ConfigError,
    EnqueueManyFailed,
    InvalidOption,
    PayloadTooLarge,
    ResultTimeout,
    TaskCancelled,
    TaskFailed,
    TaskNotFound,
)
from rediq_core.handlers.context import Dependency
from rediq_core.testing import Run, capture, context, drain, sync_context


@dataclass
class Order:
    id: int


@dataclass
class Receipt:
    order_id: int
    bank: str


class Bank:
    """A resource; the test's own one declines."""

    def charge(self, order_id: int) -> str:
        raise ConnectionError("no bank in tests")


class FakeBank(Bank):
    def charge(self, order_id: int) -> str:
        return "fake"


payment = TaskType("order:payment", Order, returns=Receipt, queue="payment", max_retry=2)
sms = TaskType("order:sms", queue="notifications")
mux = Mux()
seen: list[object] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    seen.clear()


@mux.resource
async def bank() -> AsyncIterator[Bank]:
    yield Bank()


@mux.handler(payment)
async def charge(ctx: Context, order: Order, at: Bank) -> Receipt:
    ctx.progress(50, "asking the bank")
    receipt = Receipt(order.id, at.charge(order.id))
    await ctx.enqueue(sms.task({"order": order.id}))
    return receipt


@mux.handler(sms)
def send_sms(ctx: SyncContext, message: dict[str, int]) -> str:
    seen.append(message["order"])
    return threading.current_thread().name


@mux.handler("flaky", max_retry=5, backoff=["1h", "2h"])
async def flaky(ctx: Context) -> int:
    if ctx.attempt < 3:
        raise ConnectionError(f"attempt {ctx.attempt}")
    return ctx.attempt


@mux.handler("hopeless", max_retry=1)
async def hopeless(ctx: Context) -> None:
    raise ValueError("no")


@hopeless.on_dead
async def mourn(ctx: Context, failure: object) -> None:
    seen.append(ctx.id)


@mux.handler("how")
async def end_as_told(ctx: Context, how: str) -> None:
    seen.append(how)
    if ctx.attempt == 1 and seen.count(how) == 1:
        raise {
            "permanent": Permanent("never"),
            "retry": Retry("later", delay="1m"),
            "snooze": Snooze("not yet", delay="1m"),
        }[how]


@mux.handler("note")
async def note(ctx: Context, what: object) -> list[object]:
    seen.append(what)
    return [parent.result for parent in ctx.dependencies]


@mux.handler("slow", timeout="50ms", max_retry=0)
async def slow(ctx: Context) -> None:
    await asyncio.sleep(60)


@mux.group_handler("index", max_size=3, grace="10s", max_delay="30s")
async def index(ctx: Context, members: list[Member[int]]) -> None:
    seen.append([member.payload for member in members])
    for member in members:
        if member.payload < 0:
            member.fail(Permanent("negative"))


async def place_order(client: Client, order_id: int) -> str:
    """Code of an application, as its authors would test it."""
    return await client.enqueue(payment.task(Order(order_id), delay="5s"))


# What was enqueued.


async def test_capture_takes_what_any_client_enqueues_without_a_server() -> None:
    client = Client("redis://127.0.0.1:1")
    with capture() as enqueued:
        task_id = await place_order(client, 7)
        SyncClient("redis://127.0.0.1:1").enqueue(sms.task({"order": 7}))
        thread = threading.Thread(target=lambda: SyncClient().enqueue(Task("note", 1)))
        thread.start()
        thread.join()

    paid = enqueued.one(payment)
    assert (paid.id, paid.payload, paid.queue, paid.delay) == (task_id, Order(7), "payment", "5s")
    assert [task.type for task in enqueued] == ["order:payment", "order:sms", "note"]
    assert enqueued.all(queue="notifications") == [enqueued.one("order:sms")]
    assert len(enqueued) == 3


async def test_a_capture_ends_with_its_block() -> None:
    with capture() as outer:
        with capture() as inner:
            await place_order(Client(), 1)
        await place_order(Client(), 2)

    assert [task.payload for task in (*inner, *outer)] == [Order(1), Order(2)]
    assert "capturing" not in Client.enqueue.__module__
    assert "schedule" not in vars(Client)


async def test_one_and_none_say_what_there_is_instead() -> None:
    with capture() as enqueued:
        enqueued.none()
        enqueued.none(payment)
        with pytest.raises(AssertionError, match="expected one task of type order:sms, got 0"):
            enqueued.one(sms)
        await place_order(Client(), 1)
        await place_order(Client(), 2)

    with pytest.raises(AssertionError, match="got 2; enqueued were order:payment in payment"):
        enqueued.one(charge)
    with pytest.raises(AssertionError, match="expected no task of type order:payment in payment"):
        enqueued.none(payment, queue="payment")


def test_what_a_server_refuses_is_refused() -> None:
    client = SyncClient()
    with capture(max_payload_bytes=100) as enqueued:
        first = Task("note", 1, unique_key="k")
        assert client.enqueue(first) == client.enqueue(first) == first.id
        with pytest.raises(DuplicateTask) as taken:
            client.enqueue(Task("note", 2, unique_key="k"))
        assert client.enqueue(Task("note", 3, unique_key="k", on_duplicate="return")) == first.id
        with pytest.raises(PayloadTooLarge):
            client.enqueue(Task("note", "x" * 100))
        with pytest.raises(EnqueueManyFailed) as failed:
            client.enqueue_many([Task("note", 4), Task("note", "x" * 100)])

    assert taken.value.owner_id == first.id
    assert [type(result) for result in failed.value.results] == [str, PayloadTooLarge]
    assert [task.payload for task in enqueued] == [1, 4]


def test_a_replaced_owner_is_cancelled() -> None:
    with capture() as enqueued:
        first = Task("note", 1, unique_key="k")
        SyncClient().enqueue(first)
        SyncClient().enqueue(Task("note", 2, unique_key="k", on_duplicate="replace"))

    assert enqueued.view(first).state is TaskState.CANCELLED


async def test_schedules_are_kept_apart() -> None:
    with capture() as enqueued:
        assert await Client().enqueue(Task("note", cron="@hourly")) == "note"
        assert await Client().schedule("nightly", "0 2 * * *", Task("note", 2)) == "nightly"
        assert await Client().unschedule("note") is True

    assert {name: task.payload for name, task in enqueued.schedules.items()} == {"nightly": 2}
    enqueued.none()


async def test_clients_look_wait_and_cancel_in_the_capture() -> None:
    client = Client()
    with capture():
        task_id = await place_order(client, 1)
        assert (await client.get(task_id)).state is TaskState.DELAYED
        with pytest.raises(ResultTimeout):
            await client.result(task_id, timeout="1h")
        with pytest.raises(TaskNotFound):
            await client.get("nobody")

        assert await client.cancel(task_id, reason="wrong") is TaskState.CANCELLED
        with pytest.raises(TaskCancelled):
            await client.result(task_id)
        assert "wrong" in (await client.get(task_id)).timeline[-1].note


# Calling a handler.


async def test_a_handler_is_called_directly_with_a_context() -> None:
    ctx = context(payment.task(Order(7)), attempt=2)

    receipt = await charge(ctx, Order(7), FakeBank())

    assert receipt == Receipt(7, "fake")
    assert (ctx.attempt, ctx.task.queue, ctx.reports) == (2, "payment", [(50.0, "asking the bank")])
    assert ctx.enqueued.one(sms).payload == {"order": 7}


async def test_a_context_of_its_own_task_tells_what_the_handler_asks_for() -> None:
    parents = [Dependency("p1", "note", TaskState.COMPLETED, 41)]
    ctx = context("note", {"to": 7}, queue="mail", extra={"tenant": "acme"}, dependencies=parents)

    assert await note(ctx, "x") == [41]
    assert (ctx.task.type, ctx.task.queue, ctx.task.extra) == ("note", "mail", {"tenant": "acme"})
    assert 29 < (ctx.remaining_s or 0) <= 30
    assert 4 < (context(timeout="5s").remaining_s or 0) <= 5


def test_a_plain_handler_gets_a_plain_context() -> None:
    ctx = sync_context("note")
    ctx.cancel("shutdown")

    ctx.enqueue(sms.task({"order": 1}))

    assert send_sms(ctx, {"order": 1}) == "MainThread"
    assert (ctx.cancelled, ctx.cancel_reason) == (True, "shutdown")
    assert len(ctx.enqueued) == 1


async def test_children_of_a_context_go_to_the_capture_that_is_on() -> None:
    with capture() as enqueued:
        ctx = context("note")
        await ctx.enqueue(sms.task({"order": 1}))

    assert ctx.enqueued is enqueued


@pytest.mark.parametrize("options", [{"attempt": 0}, {"attempt": "2"}])
def test_a_context_that_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        context(**options)  # type: ignore[arg-type]  # planted mistakes
    with pytest.raises(InvalidOption):
        context(Task("note", 1), queue="mail")


# Running what was captured.


def states(runs: list[Run]) -> list[tuple[str, int, str]]:
    return [(run.task.type, run.attempt, run.state.value) for run in runs]


async def test_drain_runs_tasks_and_what_they_enqueue() -> None:
    with capture() as enqueued:
        client = Client()
        await place_order(client, 7)

        runs = await drain(mux, resources={Bank: FakeBank()})

        assert states(runs) == [("order:payment", 1, "completed"), ("order:sms", 1, "completed")]
        assert await client.result(enqueued.one(payment)) == Receipt(7, "fake")
    assert seen == [7]


async def test_retries_run_without_waiting_with_their_attempts() -> None:
    with capture() as enqueued:
        SyncClient().enqueue(Task("flaky"))
        began_ms = enqueued.store.now_ms

        runs = await drain(mux, resources={Bank: FakeBank()})

    assert states(runs) == [("flaky", 1, "retry"), ("flaky", 2, "retry"), ("flaky", 3, "completed")]
    assert [str(run.error) for run in runs[:2]] == ["attempt 1", "attempt 2"]
    assert enqueued.store.now_ms - began_ms >= 2.7 * 3_600_000
    view = enqueued.view(enqueued.one("flaky"))
    assert (view.attempts, view.result) == (3, 3)
    assert [entry.kind for entry in view.timeline] == ["retry", "retry", "completed"]


async def test_a_task_without_attempts_left_is_dead_and_its_hook_runs() -> None:
    with capture() as enqueued:
        task = Task("hopeless")
        SyncClient().enqueue(task)
        runs = await drain(mux, resources={Bank: FakeBank()})

        assert states(runs) == [("hopeless", 1, "retry"), ("hopeless", 2, "dead")]
        with pytest.raises(TaskFailed, match="ValueError: no"):
            SyncClient().result(task)
    assert seen == [task.id]
    assert enqueued.view(task).error == "ValueError: no"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("permanent", [(1, "dead")]),
        ("retry", [(1, "retry"), (2, "completed")]),
        ("snooze", [(1, "delayed"), (1, "completed")]),
    ],
)
async def test_signals_mean_what_they_mean(how: str, expected: list[tuple[int, str]]) -> None:
    with capture():
        SyncClient().enqueue(Task("how", how))
        runs = await drain(mux, resources={Bank: FakeBank()})

    assert [(run.attempt, run.state.value) for run in runs] == expected


async def test_tasks_run_by_due_time_then_priority_then_order() -> None:
    with capture():
        SyncClient().enqueue_many(
            [
                Task("note", "tomorrow", delay="24h", priority=0),
                Task("note", "second"),
                Task("note", "third"),
                Task("note", "first", priority=1),
            ]
        )
        await drain(mux, resources={Bank: FakeBank()})

    assert seen == ["first", "second", "third", "tomorrow"]


async def test_drain_can_stop_before_what_is_due_later() -> None:
    with capture() as enqueued:
        late = Task("note", "late", delay="24h")
        SyncClient().enqueue_many([late, Task("note", "now")])

        await drain(mux, until="1h", resources={Bank: FakeBank()})
        assert seen == ["now"]
        assert enqueued.view(late).state is TaskState.DELAYED

        await drain(mux, resources={Bank: FakeBank()})
    assert seen == ["now", "late"]


async def test_children_run_after_their_parents_and_get_their_results() -> None:
    with capture() as enqueued:
        parent, other = Task("flaky"), Task("flaky", queue="other")
        child = Task("note", "child", depends_on=[parent, other])
        SyncClient().enqueue_many([parent, child, other])
        runs = await drain(mux, resources={Bank: FakeBank()})

    assert runs[-1].task is child
    assert enqueued.view(child).result == [3, 3]


@pytest.mark.parametrize(
    ("policy", "state"),
    [("fail", TaskState.DEAD), ("cancel", TaskState.CANCELLED), ("run", TaskState.COMPLETED)],
)
async def test_a_dead_parent_does_to_its_children_what_their_policy_says(
    policy: str, state: TaskState
) -> None:
    with capture() as enqueued:
        parent = Task("hopeless", max_retry=0)
        child: Task[object] = Task(
            "note",
            1,
            depends_on=parent,
            on_dependency_failure=policy,  # type: ignore[arg-type]  # one of the three
        )
        grandchild = Task("note", 2, depends_on=child)
        SyncClient().enqueue_many([parent, child, grandchild])
        await drain(mux, resources={Bank: FakeBank()})

    ends = enqueued.view(child).state, enqueued.view(grandchild).state
    assert ends == (state, TaskState.COMPLETED if policy == "run" else TaskState.DEAD)


async def test_a_run_past_its_timeout_fails_as_on_a_worker() -> None:
    with capture() as enqueued:
        SyncClient().enqueue(Task("slow"))
        (run,) = await drain(mux, resources={Bank: FakeBank()})

    assert run.state is TaskState.DEAD
    assert "E004" in enqueued.view(run.task).error


async def test_groups_run_together_when_they_are_ripe() -> None:
    with capture() as enqueued:
        SyncClient().enqueue_many(
            [Task("index", number, group="g") for number in (1, 2, -3, 4)]
            + [Task("index", 5), Task("index", 6, group="h", delay="20s")]
        )
        runs = await drain(mux, resources={Bank: FakeBank()})

    assert seen == [[1, 2, -3], [5], [4], [6]]
    dead = [run.task.payload for run in runs if run.state is TaskState.DEAD]
    assert dead == [-3]
    assert {enqueued.view(run.task).state for run in runs} == {TaskState.COMPLETED, TaskState.DEAD}


async def test_what_was_not_started_in_time_is_cancelled() -> None:
    with capture() as enqueued:
        first, late = Task("flaky", priority=0), Task("note", 1, expires_in="1m", depends_on=[])
        child = Task("note", 2, expires_in="1m", depends_on=first)
        SyncClient().enqueue_many([first, late, child])
        await drain(mux, resources={Bank: FakeBank()})

    assert enqueued.view(late).state is TaskState.COMPLETED
    assert enqueued.view(child).state is TaskState.CANCELLED


async def test_types_that_the_mux_does_not_know_stay() -> None:
    with capture() as enqueued:
        SyncClient().enqueue(Task("nobody:knows"))
        assert await drain(mux, resources={Bank: FakeBank()}) == []

    assert enqueued.view(enqueued.one()).state is TaskState.PENDING


async def test_middlewares_run_around_handlers() -> None:
    wrapped = Mux()
    wrapped.include(mux)

    async def around(ctx: Context, call_next: object) -> object:
        seen.append("before")
        result = await call_next(ctx)  # type: ignore[operator]  # a CallNext
        seen.append("after")
        return result

    wrapped.use(around)
    with capture():
        SyncClient().enqueue(Task("note", "it"))
        await drain(wrapped, resources={Bank: FakeBank()})

    assert seen == ["before", "it", "after"]


async def test_a_handler_that_enqueues_itself_for_ever_is_noticed() -> None:
    circle = Mux()

    @circle.handler("again")
    async def again(ctx: Context) -> None:
        await ctx.enqueue(Task("again"))

    with capture():
        SyncClient().enqueue(Task("again"))
        with pytest.raises(AssertionError, match="20 runs, and again is due again"):
            await drain(circle, max_runs=20)


async def test_drain_outside_of_a_capture_needs_to_be_told_what() -> None:
    with pytest.raises(ConfigError, match="nothing to drain"):
        await drain(mux)
    with capture() as enqueued:
        SyncClient().enqueue(Task("note", "it"))
    with capture():
        assert await drain(mux, resources={Bank: FakeBank()}) == []

    await drain(mux, enqueued, resources={Bank: FakeBank()})

    assert seen == ["it"]
