"""Traces through the queue, with the real OpenTelemetry SDK and a real server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags, TraceState

from rediq_core import (
    Client,
    Context,
    DuplicateTask,
    Member,
    Mux,
    Permanent,
    RediqError,
    Snooze,
    SyncClient,
    SyncContext,
    Task,
    TracingMiddleware,
    Worker,
)
from rediq_core.admin import connect
from rediq_core.model.where import parse_where
from tests.contract.test_worker_inside import running
from tests.support.waiting import await_until

ROOT = Path(__file__).parents[2]
PROVIDER = TracerProvider()
TRACER = PROVIDER.get_tracer("tests")
EXPORTER = InMemorySpanExporter()
PROVIDER.add_span_processor(SimpleSpanProcessor(EXPORTER))
# A state with what a quoted text must survive.
STATE = TraceState([("vendor", 'a"b\\c%;{}'), ("other", "1")])

mux = Mux()
mux.use(TracingMiddleware(PROVIDER))


@mux.handler("async", backoff=["10ms"])
async def on_the_loop(ctx: Context, what: str) -> object:
    with TRACER.start_as_current_span(f"inside {what}"):
        pass
    match what:
        case "fail":
            raise Permanent("card declined")
        case "snooze" if ctx.attempt == 1 and ctx.task.id not in snoozed:
            snoozed.add(ctx.task.id)
            raise Snooze("bank is closed", delay="10ms")
        case "hang":
            await asyncio.sleep(60)
    return ctx.task.extra


snoozed: set[str] = set()


@mux.handler("thread")
def in_a_thread(ctx: SyncContext) -> str:
    with TRACER.start_as_current_span("inside thread"):
        return ctx.enqueue(Task("async", "of a thread"))


@mux.handler("process", mode="process")
def in_a_process(ctx: SyncContext) -> str:
    return ctx.enqueue(Task("async", "of a process"))


@mux.group_handler("group", max_size=2)
async def together(ctx: Context, members: list[Member[str]]) -> int:
    return len(members)


@pytest.fixture(autouse=True)
def spans() -> Iterator[InMemorySpanExporter]:
    EXPORTER.clear()
    yield EXPORTER
    EXPORTER.clear()


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Client]:
    async with Client(redis_url) as made, running(Worker(mux, url=redis_url)):
        yield made


def named(name: str) -> list[ReadableSpan]:
    return [span for span in EXPORTER.get_finished_spans() if span.name == name]


async def span_of(task_id: str, count: int = 1) -> list[ReadableSpan]:
    """Wait for the spans of a task's runs, which end just after its result is there."""

    def found() -> list[ReadableSpan]:
        ids = "messaging.message.id"
        ended = EXPORTER.get_finished_spans()
        return [span for span in ended if (span.attributes or {}).get(ids) == task_id]

    await await_until(lambda: len(found()) >= count, f"{count} spans of {task_id}")
    return found()


def parent_of(span: ReadableSpan) -> int:
    return span.parent.span_id if span.parent else 0


async def test_a_run_continues_the_trace_it_was_enqueued_in(client: Client) -> None:
    with TRACER.start_as_current_span("request") as request:
        task: Task[object] = Task("async", "x", extra={"tenant": "a"})
        await client.enqueue(task)
    extra = await client.result(task, timeout=20)
    (run,) = await span_of(task.id)

    context = request.get_span_context()
    assert (parent_of(run), run.context.trace_id) == (context.span_id, context.trace_id)
    (inside,) = named("inside x")
    assert parent_of(inside) == run.context.span_id
    assert (run.name, run.kind) == ("process async", trace.SpanKind.CONSUMER)
    assert run.attributes is not None
    assert run.attributes["rediq.task.attempt"] == 1
    assert run.attributes["messaging.destination.name"] == "default"
    assert run.status.status_code is StatusCode.UNSET
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    assert extra == {"tenant": "a", "traceparent": parent}


async def test_children_of_every_mode_continue_it_too(client: Client) -> None:
    with TRACER.start_as_current_span("request") as request:
        ids = await client.enqueue_many([Task("thread"), Task("process")])
    for task_id in ids:
        child = await client.result(task_id, timeout=20)
        assert isinstance(child, str)
        await client.result(child, timeout=20)
        (run,), (of_child,) = await span_of(task_id), await span_of(child)
        between = run.context.span_id
        if task_id == ids[0]:
            (inside,) = named("inside thread")
            assert parent_of(inside) == run.context.span_id
            between = inside.context.span_id

        assert parent_of(run) == request.get_span_context().span_id
        assert parent_of(of_child) == between
        assert of_child.context.trace_id == request.get_span_context().trace_id


async def test_how_a_run_ended_is_in_its_span(client: Client) -> None:
    failing, snoozing = Task("async", "fail"), Task("async", "snooze")
    slow: Task[object] = Task("async", "hang", timeout="50ms", max_retry=0)
    cancelled: Task[object] = Task("async", "hang")
    await client.enqueue_many([failing, snoozing, slow, cancelled])
    await await_until(lambda: len(named("inside hang")) == 2, "both hang")
    await client.cancel(cancelled)
    for task in (failing, slow, cancelled):
        with pytest.raises(RediqError):
            await client.result(task, timeout=20)
    await client.result(snoozing, timeout=20)

    (failed,), (timed_out,) = await span_of(failing.id), await span_of(slow.id)
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.status.description == "Permanent: card declined"
    assert [event.name for event in failed.events] == ["exception"]
    assert timed_out.status.description == "timeout"
    (stopped,) = await span_of(cancelled.id)
    assert stopped.status.status_code is StatusCode.UNSET
    assert (stopped.attributes or {})["rediq.cancel_reason"] == "cancel"
    first, second = await span_of(snoozing.id, 2)
    assert [event.name for event in first.events] == ["snoozed"]
    assert {first.status.status_code, second.status.status_code} == {StatusCode.UNSET}
    # No span was open when they were enqueued: each run begins a trace of its own.
    assert {parent_of(run) for run in (failed, timed_out, stopped, first, second)} == {0}


async def test_a_group_links_the_traces_of_its_other_members(client: Client) -> None:
    requests = []
    for name in ("a", "b"):
        with TRACER.start_as_current_span(name) as request:
            requests.append(request.get_span_context())
            last: Task[object] = Task("group", name, group="g")
            await client.enqueue(last)
    await client.result(last, timeout=20)
    await await_until(lambda: named("process group"), "the group's span")

    (run,) = named("process group")
    linked = [link.context.span_id for link in run.links]
    assert sorted([parent_of(run), *linked]) == sorted(each.span_id for each in requests)


async def test_a_task_enqueued_again_in_another_span_is_the_same_task(redis_url: str) -> None:
    async with Client(redis_url) as producer:
        task: Task[object] = Task("async", "x", extra={"t": "1"}, id="known")
        bare: Task[object] = Task("async", "x")
        await producer.enqueue_many([task, bare])
        for name in ("one", "two"):
            with TRACER.start_as_current_span(name):
                assert await producer.enqueue_many([task, bare]) == [task.id, bare.id]
        for other in (task.copy(id="known", extra={"t": "2"}), task.copy(id="known", priority=1)):
            with TRACER.start_as_current_span("three"), pytest.raises(DuplicateTask):
                await producer.enqueue(other)


def test_the_state_of_a_trace_arrives_whole(redis_url: str) -> None:
    span = SpanContext(7, 9, is_remote=False, trace_flags=TraceFlags(1), trace_state=STATE)
    with SyncClient(redis_url) as producer, trace.use_span(NonRecordingSpan(span)):
        by_hand: Task[object] = Task("async", "x", extra={"traceparent": "mine"})
        traced: Task[object] = Task("async", "x")
        producer.enqueue_many([by_hand, traced])

        assert producer.get(by_hand.id).extra == {"traceparent": "mine"}
        assert producer.get(traced.id).extra == {
            "traceparent": f"00-{7:032x}-{9:016x}-01",
            "tracestate": STATE.to_header(),
        }


def test_the_tasks_of_a_trace_are_found_by_its_id(redis_url: str) -> None:
    with SyncClient(redis_url) as producer, connect(redis_url) as admin:
        producer.enqueue(Task("async", "x"))
        with TRACER.start_as_current_span("request") as request:
            traced = producer.enqueue(Task("async", "x"))
        trace_id = f"{request.get_span_context().trace_id:032x}"
        found = admin.select(parse_where(["all", f"extra.traceparent:*{trace_id}*"]))

    assert [task.id for task in found.tasks] == [traced]


def test_who_does_not_trace_imports_nothing_of_it(redis_url: str) -> None:
    code = (
        "import asyncio, sys; from rediq_core import Client, Task, MetricsMiddleware\n"
        "import rediq_core.worker.process, rediq_core.worker.supervisor\n"
        "async def main():\n"
        "    async with Client(sys.argv[1]) as client: await client.enqueue(Task('a'))\n"
        "asyncio.run(main())\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    # The blocking client is left out: redis-py imports OpenTelemetry where it is installed.
    ended = subprocess.run(
        [sys.executable, "-c", code, redis_url], capture_output=True, text=True, cwd=ROOT
    )

    assert (ended.stdout, ended.returncode) == ("[]\n", 0), ended.stderr


def test_without_opentelemetry_the_middleware_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from rediq_core.handlers.loading import import_middleware\n"
        "import_middleware('rediq_core:TracingMiddleware', '[worker] middleware, a.toml line 3')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)

    assert "[worker] middleware, a.toml line 3" in ended.stderr
    assert "Install it: pip install 'rediq[otel]'" in ended.stderr
