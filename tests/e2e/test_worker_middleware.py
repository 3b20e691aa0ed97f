"""Middlewares that a configuration names, around real handlers of every mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rediq_core import SyncClient, Task
from tests.support.cli import run_process
from tests.support.workers import Worker

HANDLERS = '''
"""Handlers and middlewares that write down in which order they ran."""
import json, pathlib
from rediq_core import Mux

seen = pathlib.Path(__file__).with_name("seen.jsonl")

class Named:
    def __init__(self, name): self.name = name
    def before(self, ctx): ctx.state.setdefault("ran", []).append(self.name)

class Writer:
    """Outermost, so it sees all that ran; a class is called without arguments."""
    async def after(self, ctx, result):
        with seen.open("a") as file:
            row = [ctx.task.queue, ctx.task.type, ctx.state["ran"], repr(result)]
            file.write(json.dumps(row) + "\\n")

async def everywhere(ctx, call_next):
    ctx.state.setdefault("ran", []).append("everywhere")
    return await call_next(ctx)

async def refuse(ctx, call_next):
    raise ValueError("refused")

bulk = Named("bulk")
not_one = 7
mux = Mux()
mux.use(Named("code"))

@mux.handler("async")
async def on_the_loop(ctx): return 1

@mux.handler("thread")
def in_a_thread(ctx): return 2

@mux.handler("process", mode="process")
def in_a_process(ctx): return 3

@mux.group_handler("group", max_size=1)
async def together(ctx, members): return 4
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop_layers.py").write_text(HANDLERS)
    return tmp_path


def configured(project: Path, text: str) -> Path:
    path = project / "rediq.toml"
    path.write_text(f"[metrics]\nenabled = false\n{text}")
    return path


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


def started(config: Path, url: str) -> Worker:
    return Worker(url, program=("rediq_cli", "worker", "start", "-c", str(config), "--url", url))


def test_they_run_around_every_mode_in_the_order_of_the_configuration(
    redis_url: str, client: SyncClient, project: Path
) -> None:
    config = configured(
        project,
        "[worker]\nhandlers = ['shop_layers']\n"
        "middleware = ['shop_layers:Writer', 'shop_layers:everywhere']\n"
        "[queues.plain]\n[queues.bulk]\nmiddleware = ['shop_layers:bulk']\n",
    )
    tasks = [
        Task(kind, queue=queue)
        for queue in ("plain", "bulk")
        for kind in ("async", "thread", "process", "group")
    ]
    with closing(started(config, redis_url)):
        client.enqueue_many(tasks)
        results = [client.result(task, timeout=20) for task in tasks]

    assert results == [1, 2, 3, 4] * 2
    rows = [json.loads(line) for line in (project / "seen.jsonl").read_text().splitlines()]
    assert sorted(rows) == sorted(
        [queue, kind, ["everywhere", *middle, "code"], str(result)]
        for queue, middle in (("plain", []), ("bulk", ["bulk"]))
        for kind, result in (("async", 1), ("thread", 2), ("process", 3), ("group", 4))
    )


def test_what_one_raises_fails_the_run_and_keeps_the_worker(
    redis_url: str, client: SyncClient, project: Path
) -> None:
    config = configured(
        project,
        "[worker]\nhandlers = ['shop_layers']\n"
        "[queues.plain]\n[queues.bulk]\nmiddleware = ['shop_layers:refuse']\n",
    )
    refused: Task[object] = Task("async", queue="bulk", max_retry=0)
    with closing(started(config, redis_url)) as worker:
        client.enqueue(refused)
        with pytest.raises(Exception, match="ValueError: refused"):
            client.result(refused, timeout=20)
        fine: Task[object] = Task("async", queue="plain")
        client.enqueue(fine)

        assert client.result(fine, timeout=20) == 1
        assert worker.stop() == 0


@pytest.mark.parametrize(
    ("section", "spec", "place", "why"),
    [
        ("worker", "shop_layers:not_one", "[worker] middleware, rediq.toml line 8", "neither"),
        ("queues.bulk", "shop_layers:absent", "[queues.bulk] middleware, rediq.toml line 6", "no"),
        ("queues.bulk", "no_such:mw", "[queues.bulk] middleware, rediq.toml line 6", "No module"),
        ("worker", "shop_layers:Named", "[worker] middleware, rediq.toml line 8", "TypeError"),
    ],
)
def test_a_wrong_one_stops_the_start_with_its_place(
    redis_url: str, project: Path, section: str, spec: str, place: str, why: str
) -> None:
    middleware = {section: f"middleware = ['{spec}']\n"}
    config = configured(
        project,
        "[queues.plain]\nhandlers = ['shop_layers']\n"
        f"[queues.bulk]\n{middleware.get('queues.bulk', '# line 6')}\n"
        f"[worker]\n{middleware.get('worker', '')}handlers = ['shop_layers']\n",
    )

    checked = run_process("config", "check", "-c", str(config), "--json")
    with closing(started(config, redis_url)) as worker:
        status = worker.process.wait(20)
        said = worker.log

    assert isinstance(checked.json, dict)
    (problem,) = checked.json["problems"]
    for text in (f"{problem['message']} {problem['cause']}", said):
        assert spec in text
        assert place in text
        assert why in text
    assert (checked.code, status) == (6, 2)


TRACED = '''
"""A resource that sends spans, as the guide of monitoring shows it, to a file."""
import json, pathlib
from collections.abc import Iterator
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rediq_core import Mux, Task

mux = Mux()

class ToFile(SpanExporter):
    def export(self, spans):
        with pathlib.Path(__file__).with_name("spans.jsonl").open("a") as file:
            for span in spans:
                parent = span.parent.span_id if span.parent else 0
                file.write(json.dumps([span.name, span.context.span_id, parent]) + "\\n")
        return SpanExportResult.SUCCESS

@mux.resource
def tracing() -> Iterator[TracerProvider]:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(ToFile(), schedule_delay_millis=60_000))
    trace.set_tracer_provider(provider)
    yield provider
    provider.shutdown()

@mux.handler("first")
async def first(ctx): return await ctx.enqueue(Task("second"))

@mux.handler("second")
def second(ctx): return None
'''


def test_spans_of_a_worker_are_all_sent_when_it_ends(
    redis_url: str, client: SyncClient, tmp_path: Path
) -> None:
    (tmp_path / "shop_traced.py").write_text(TRACED)
    config = configured(
        tmp_path,
        "[worker]\nhandlers = ['shop_traced']\nmiddleware = ['rediq_core:TracingMiddleware']\n",
    )
    with closing(started(config, redis_url)) as worker:
        child = client.result(client.enqueue(Task("first")), timeout=20)
        assert isinstance(child, str)
        client.result(child, timeout=20)
        assert worker.stop() == 0

    lines = (tmp_path / "spans.jsonl").read_text().splitlines()
    spans = {name: (own, parent) for name, own, parent in map(json.loads, lines)}
    assert set(spans) == {"process first", "process second"}
    assert (spans["process first"][1], spans["process second"][1]) == (0, spans["process first"][0])
