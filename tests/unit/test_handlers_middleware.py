"""What runs around handlers: order, both forms, queues, and what their errors do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable

import pytest

from rediq_core.errors import ConfigError, InvalidOption
from rediq_core.handlers.context import Context, SyncContext
from rediq_core.handlers.middleware import CallNext, LoggingMiddleware
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.signals import Permanent, Snooze
from rediq_core.model.task import Task
from tests.unit.handlers_support import context


async def run(mux: Mux, task: Task[object] | None = None) -> object:
    task = task or Task("a")
    await mux.open_resources()
    registration = mux.lookup(task.type)
    assert registration is not None
    try:
        return await registration.call(context(task))
    finally:
        await mux.close_resources()


class Recorder:
    """A middleware object with plain methods."""

    def __init__(self, name: str, events: list[str]) -> None:
        self.name = name
        self.events = events

    def before(self, ctx: Context) -> None:
        self.events.append(f"{self.name} before")

    def after(self, ctx: Context, result: object) -> None:
        self.events.append(f"{self.name} after {result!r}")


class AsyncRecorder(Recorder):
    """The same with async methods."""

    async def before(self, ctx: Context) -> None:  # type: ignore[override]  # the other form
        await asyncio.sleep(0)
        super().before(ctx)

    async def after(self, ctx: Context, result: object) -> None:  # type: ignore[override]  # the other form
        await asyncio.sleep(0)
        super().after(ctx, result)


def recording(name: str, events: list[str]) -> object:
    async def middleware(ctx: Context, call_next: CallNext) -> object:
        events.append(f"{name} in")
        result = await call_next(ctx)
        events.append(f"{name} out {result!r}")
        return result

    return middleware


def with_handler(outcome: object) -> Mux:
    mux = Mux()

    @mux.handler("a")
    async def handler(ctx: Context) -> object:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return mux


async def test_the_first_middleware_is_outermost_in_every_form() -> None:
    events: list[str] = []
    mux = with_handler(1)
    mux.use(Recorder("plain", events))
    mux.use(recording("function", events))  # type: ignore[arg-type]  # a local function's type is lost
    mux.use(AsyncRecorder("async", events))

    assert await run(mux) == 1
    assert events == [
        "plain before",
        "function in",
        "async before",
        "async after 1",
        "function out 1",
        "plain after 1",
    ]


async def test_a_function_can_change_the_result_and_skip_the_handler() -> None:
    mux = with_handler(1)

    async def skip(ctx: Context, call_next: CallNext) -> object:
        return "cached"

    mux.use(skip)

    assert await run(mux) == "cached"


@pytest.mark.parametrize("recorder", [Recorder, AsyncRecorder])
@pytest.mark.parametrize("error", [ValueError("no"), Permanent("no"), asyncio.CancelledError()])
async def test_after_sees_the_exception_which_goes_on(
    recorder: type[Recorder], error: BaseException
) -> None:
    events: list[str] = []
    mux = with_handler(error)
    mux.use(recorder("mw", events))

    with pytest.raises(type(error)) as caught:
        await run(mux)
    assert caught.value is error
    assert events == ["mw before", f"mw after {error!r}"]


async def test_an_error_in_before_fails_the_run_and_outer_ones_see_it() -> None:
    events: list[str] = []

    class Guard:
        async def before(self, ctx: Context) -> None:
            raise PermissionError("not today")

    mux = with_handler(1)
    mux.use(Recorder("outer", events))
    mux.use(Guard())

    with pytest.raises(PermissionError, match="not today"):
        await run(mux)
    assert events == ["outer before", "outer after PermissionError('not today')"]


class Clumsy:
    def after(self, ctx: Context, result: object) -> None:
        raise RuntimeError("metrics are away")


async def test_an_error_in_after_fails_a_run_that_had_succeeded() -> None:
    mux = with_handler(1)
    mux.use(Clumsy())

    with pytest.raises(RuntimeError, match="metrics are away"):
        await run(mux)


async def test_an_error_in_after_does_not_hide_why_the_run_failed() -> None:
    mux = with_handler(Permanent("card declined"))
    mux.use(Clumsy())

    with pytest.raises(Permanent, match="card declined") as caught:
        await run(mux)
    assert caught.value.__notes__ == ["Also, Clumsy.after failed: RuntimeError: metrics are away"]


async def test_a_middleware_of_one_queue_leaves_the_others_alone() -> None:
    events: list[str] = []
    mux = with_handler(1)
    mux.use(Recorder("all", events))
    mux.use(Recorder("payment", events), queue="payment")

    await run(mux, Task("a", queue="payment"))
    await run(mux, Task("a", queue="mail"))

    assert events == [
        "all before",
        "payment before",
        "payment after 1",
        "all after 1",
        "all before",
        "all after 1",
    ]


async def test_a_middleware_runs_around_plain_handlers_and_shares_state() -> None:
    mux = Mux()

    @mux.handler("a")
    def handler(ctx: SyncContext) -> object:
        return ctx.state["trace"]

    async def trace(ctx: Context, call_next: CallNext) -> object:
        ctx.state["trace"] = "abc"
        return await call_next(ctx)

    mux.use(trace)

    assert await run(mux) == "abc"


async def test_an_included_muxs_middleware_stays_inside_ours_and_off_our_handlers() -> None:
    events: list[str] = []
    main, other = with_handler(1), Mux()

    @other.handler("b")
    async def handler(ctx: Context) -> int:
        return 2

    main.include(other)
    other.use(Recorder("other", events))
    main.use(Recorder("main", events))

    await run(main, Task("b"))
    await run(main, Task("a"))

    assert events == [
        "main before",
        "other before",
        "other after 2",
        "main after 2",
        "main before",
        "main after 1",
    ]


async def test_a_call_starts_no_task_of_its_own() -> None:
    mux = Mux()
    tasks: list[asyncio.Task[object] | None] = []

    @mux.handler("a")
    async def handler(ctx: Context, payload: object) -> None:
        tasks.append(asyncio.current_task())

    mux.use(recording("mw", []))  # type: ignore[arg-type]  # a local function's type is lost
    mux.use(AsyncRecorder("mw", []))
    await run(mux)

    assert tasks == [asyncio.current_task()]


def plain_function(ctx: Context, call_next: CallNext) -> Awaitable[object]:
    return call_next(ctx)


@pytest.mark.parametrize(
    ("middleware", "words"),
    [
        (plain_function, "is not a middleware"),
        (object(), "is not a middleware"),
        (Recorder, "Recorder is a class, not a middleware"),
    ],
)
def test_what_is_no_middleware_is_refused(middleware: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Mux().use(middleware)  # type: ignore[arg-type]  # the mistake is the test


def test_a_middleware_of_a_queue_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidOption, match="queue name"):
        Mux().use(LoggingMiddleware(), queue="dead")


async def test_an_object_that_is_called_is_a_middleware_too() -> None:
    class Doubler:
        async def __call__(self, ctx: Context, call_next: CallNext) -> object:
            return [await call_next(ctx)] * 2

    mux = with_handler(1)
    mux.use(Doubler())

    assert await run(mux) == [1, 1]


@pytest.mark.parametrize(
    ("outcome", "level", "end"),
    [
        (1, logging.INFO, "succeeded (queue default, attempt 2)"),
        (
            ValueError("no\nmoney\x1b[2J"),
            logging.WARNING,
            "failed (queue default, attempt 2): ValueError: no money [2J",
        ),
        (
            Snooze("later", delay=1),
            logging.INFO,
            "snoozed (queue default, attempt 2): Snooze: later",
        ),
    ],
)
async def test_logging_writes_one_line_at_the_start_and_one_at_the_end(
    outcome: object, level: int, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    mux = with_handler(outcome)
    mux.use(LoggingMiddleware())

    with (
        caplog.at_level(logging.DEBUG, logger="rediq.run"),
        contextlib.suppress(ValueError, Snooze),
    ):
        await run(mux, Task("a", id="x"))

    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.DEBUG, "a x started (queue default, attempt 2)"),
        (level, f"a x {end}"),
    ]
