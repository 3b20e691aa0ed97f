"""What the tests of handler processes share: pools that leave nothing behind, and looks at pids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rediq_core.handlers.context import Context
from rediq_core.handlers.registration import Registration
from rediq_core.model.task import Task
from rediq_core.worker.handler_pool import HandlerPool
from tests.support.waiting import await_until
from tests.unit.handler_pool_handlers import mux
from tests.unit.handlers_support import MemoryRuntime, context

MODULE = "tests.unit.handler_pool_handlers"


def handler(type_name: str) -> Registration:
    registration = mux.lookup(type_name)
    assert registration is not None
    return registration


@asynccontextmanager
async def open_pool(size: int = 2, **options: float) -> AsyncIterator[HandlerPool]:
    """A pool over the handlers of the tests; afterwards, no process of it is left."""
    pool = HandlerPool([MODULE], None, size, **options)  # type: ignore[arg-type]  # counts are ints
    seen: set[int] = set()
    try:
        yield pool
        seen.update(pool.pids)
    finally:
        await pool.aclose()
    assert pool.pids == ()
    assert [pid for pid in seen if is_there(pid)] == []


def run_context(
    type_name: str, payload: object = None, runtime: MemoryRuntime | None = None
) -> Context:
    return context(Task(type_name, payload), runtime)


async def run(pool: HandlerPool, type_name: str, payload: object = None) -> object:
    """Run a handler and return its result."""
    return await pool.run_plain(handler(type_name), run_context(type_name, payload))


async def begin(
    pool: HandlerPool, type_name: str, file: Path
) -> tuple[asyncio.Task[bytes], Context, list[int]]:
    """Start a run of a handler that announces pids in a file; returns when it has."""
    ctx = run_context(type_name, {"file": str(file)})
    running = asyncio.create_task(pool.run(handler(type_name), ctx))
    await await_until(lambda: file.exists() or running.done(), f"{type_name} has begun")
    return running, ctx, [int(pid) for pid in file.read_text().split()]


def is_there(pid: int) -> bool:
    """Whether a process exists, also as a zombie."""
    return Path(f"/proc/{pid}").exists()


def is_alive(pid: int) -> bool:
    """Whether a process exists and runs; a zombie whose parent is not ours does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
