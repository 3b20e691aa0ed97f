"""The producer side and the command line that all Python adapters share.

An adapter is one file: how to open its client, how to enqueue, and the peer's own worker command.
`produce MODE COUNT` enqueues and prints one JSON line with the seconds it took, without interpreter
start, connecting and warm-up; `worker` replaces this process by the worker. Not a benchmark by
itself: the harness decides what runs when and reads the counters.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any

PAYLOAD_BYTES = 200
WARM_UP_TASKS = 100
PARALLEL = 50  # callers of the 50-way case
LATENCY_WARM_UP_TASKS = 20
LATENCY_GAP_S = (0.030, 0.070)  # uneven, so that no peer's poll interval can lock step with it

URL = os.environ.get("BENCH_URL", "redis://127.0.0.1:6379/0")
PORT = int(os.environ.get("BENCH_PORT", "6379"))
CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "10"))
PROCESSES = int(os.environ.get("BENCH_PROCESSES", "1"))


@dataclass(frozen=True)
class Producer:
    """A peer's blocking producer: one task a call, and a list of them if the peer has that."""

    enqueue: Callable[[str], Any]
    enqueue_many: Callable[[Sequence[str]], Any] | None = None
    bulk_size: int = 500


@dataclass(frozen=True)
class AsyncProducer:
    """The same for a peer whose client is asynchronous."""

    enqueue: Callable[[str], Awaitable[Any]]
    enqueue_many: Callable[[Sequence[str]], Awaitable[Any]] | None = None
    bulk_size: int = 500


@dataclass(frozen=True)
class Adapter:
    """One peer: its clients and the argv of its worker."""

    worker: Callable[[], list[str]]
    blocking: Callable[[], AbstractContextManager[Producer]] | None = None
    asynchronous: Callable[[], AbstractAsyncContextManager[AsyncProducer]] | None = None


def payloads(count: int, *, marker: str = "task") -> list[str]:
    """Build `count` distinct payloads of 200 bytes that start with `marker-NNNNNN:`."""
    return [f"{marker}-{index:06d}:".ljust(PAYLOAD_BYTES, "x") for index in range(count)]


def stamped() -> str:
    """Build a payload that starts with this instant."""
    return f"{time.monotonic_ns()}:".ljust(PAYLOAD_BYTES, "x")


def chunks(items: list[str], size: int) -> list[list[str]]:
    """Cut a list into lists of `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def latency_warm_up() -> list[str]:
    """Payloads that the handler counts but does not time."""
    return ["0:".ljust(PAYLOAD_BYTES, "x")] * LATENCY_WARM_UP_TASKS


def produce_blocking(producer: Producer, mode: str, count: int) -> float:
    """Enqueue in one of the blocking modes; returns the seconds spent."""
    if mode == "latency":
        for text in latency_warm_up():
            producer.enqueue(text)
        for _ in range(count):
            time.sleep(random.uniform(*LATENCY_GAP_S))
            producer.enqueue(stamped())
        return 0.0
    texts = payloads(count, marker="held" if mode == "held" else "task")
    many = producer.enqueue_many
    if many is not None and mode in ("bulk", "fill"):
        if mode == "bulk":
            many(payloads(WARM_UP_TASKS))
        parts = chunks(texts, producer.bulk_size)
        started = time.perf_counter()
        for part in parts:
            many(part)
        return time.perf_counter() - started
    if mode == "one":
        for text in payloads(WARM_UP_TASKS):
            producer.enqueue(text)
    started = time.perf_counter()
    for text in texts:
        producer.enqueue(text)
    return time.perf_counter() - started


async def produce_async(producer: AsyncProducer, mode: str, count: int) -> float:
    """Enqueue in one of the asynchronous modes; returns the seconds spent."""
    if mode == "latency":
        for text in latency_warm_up():
            await producer.enqueue(text)
        for _ in range(count):
            await asyncio.sleep(random.uniform(*LATENCY_GAP_S))
            await producer.enqueue(stamped())
        return 0.0
    texts = payloads(count, marker="held" if mode == "held" else "task")
    many = producer.enqueue_many
    if many is not None and mode in ("bulk", "fill"):
        if mode == "bulk":
            await many(payloads(WARM_UP_TASKS))
        parts = chunks(texts, producer.bulk_size)
        started = time.perf_counter()
        for part in parts:
            await many(part)
        return time.perf_counter() - started
    if mode in ("parallel", "fill"):
        if mode == "parallel":
            await _in_parallel(producer, payloads(2 * PARALLEL))
        started = time.perf_counter()
        await _in_parallel(producer, texts)
        return time.perf_counter() - started
    if mode == "one":
        for text in payloads(WARM_UP_TASKS):
            await producer.enqueue(text)
    started = time.perf_counter()
    for text in texts:
        await producer.enqueue(text)
    return time.perf_counter() - started


async def _in_parallel(producer: AsyncProducer, texts: list[str]) -> None:
    """Let 50 callers enqueue side by side, each awaiting its own task before the next."""

    async def caller(own: list[str]) -> None:
        for text in own:
            await producer.enqueue(text)

    await asyncio.gather(*(caller(texts[first::PARALLEL]) for first in range(PARALLEL)))


def _produce(adapter: Adapter, mode: str, count: int) -> float:
    """Pick the client that suits the mode: blocking for one at a time, else asynchronous."""
    prefers_async = mode in ("parallel", "bulk", "fill")
    if adapter.asynchronous is not None and (prefers_async or adapter.blocking is None):
        opened = adapter.asynchronous()

        async def session() -> float:
            async with opened as producer:
                return await produce_async(producer, mode, count)

        return _run(session())
    if adapter.blocking is None or mode == "parallel":
        raise SystemExit(f"this peer has no client for {mode}")
    with adapter.blocking() as producer:
        if mode == "bulk" and producer.enqueue_many is None:
            raise SystemExit("this peer has no bulk enqueue")
        return produce_blocking(producer, mode, count)


def _run(coroutine: Any) -> float:
    """Run on uvloop where the peer's environment has it."""
    try:
        import uvloop
    except ImportError:
        return float(asyncio.run(coroutine))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return float(runner.run(coroutine))


def main(adapter: Adapter) -> None:
    """Serve the two verbs of every adapter."""
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    produce = verbs.add_parser("produce")
    produce.add_argument("mode", choices=["one", "parallel", "bulk", "fill", "latency", "held"])
    produce.add_argument("count", type=int)
    verbs.add_parser("worker")
    arguments = parser.parse_args()
    if arguments.verb == "worker":
        command = adapter.worker()
        os.execvp(command[0], command)
    seconds = _produce(adapter, arguments.mode, arguments.count)
    print(json.dumps({"count": arguments.count, "seconds": seconds}), flush=True)
    sys.stdout.flush()
    os._exit(0)  # some clients keep threads that would delay the harness
