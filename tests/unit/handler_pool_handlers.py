"""Handlers that behave and misbehave in processes of their own; run by the tests of the pool."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from rediq_core import Mux, Permanent, RediqError, Retry, Snooze, SyncContext, Task
from rediq_core.model.retry import Backoff

mux = Mux()
SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]


@dataclass
class Order:
    order_id: int


@mux.handler("echo", mode="process")
def echo(ctx: SyncContext, payload: object) -> object:
    return payload


@mux.handler("nothing", mode="process")
def nothing(ctx: SyncContext) -> None:
    return None


@mux.handler("describe", mode="process")
def describe(ctx: SyncContext) -> dict[str, object]:
    task = ctx.task
    return {
        "id": task.id,
        "queue": task.queue,
        "type": task.type,
        "priority": task.priority,
        "attempt": ctx.attempt,
        "losses": task.losses,
        "token": ctx.token,
        "unique_key": task.unique_key,
        "group": task.group,
        "timeout_ms": task.timeout_ms,
        "ready_ms": task.ready_ms,
        "claimed_ms": task.claimed_ms,
        "extra": task.extra,
        "max_retry": task.options.max_retry,
        "payload": task.payload_json.decode(),
        "has_time": ctx.remaining_s is not None and 20 < ctx.remaining_s <= 30,
    }


@mux.handler("pid", mode="process")
def pid(ctx: SyncContext) -> int:
    return os.getpid()


@mux.handler("typed", mode="process")
def typed(ctx: SyncContext, order: Order) -> int:
    return order.order_id


@mux.handler("raise", mode="process")
def raise_it(ctx: SyncContext, payload: dict[str, object]) -> None:
    match payload["kind"]:
        case "permanent":
            raise Permanent("card declined")
        case "retry":
            raise Retry("bank is busy", delay="7s")
        case "snooze":
            raise Snooze("bank is closed", delay="2h")
        case "exit":
            sys.exit("enough")
        case "huge":
            raise ValueError("x" * 50_000_000)
        case _:
            raise ValueError(f"no money for order {payload['kind']}")


@mux.handler("return", mode="process")
def return_it(ctx: SyncContext, payload: str) -> object:
    return "x" * 70_000 if payload == "large" else {object()}


@mux.handler("die", mode="process")
def die(ctx: SyncContext, payload: str) -> None:
    match payload:
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segfault":
            ctypes.string_at(0)
        case "close":
            os.closerange(3, 100)
        case "garbage":
            for number in range(3, 100):
                try:
                    os.write(number, b"\xff" * 64)
                except OSError:
                    continue
            threading.Event().wait()


@mux.handler("spin", mode="process")
def spin(ctx: SyncContext, payload: dict[str, str]) -> None:
    """Never return; nothing but SIGKILL ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    announce(payload, os.getpid())
    while True:
        pass


@mux.handler("hold", mode="process")
def hold(ctx: SyncContext, payload: dict[str, str]) -> None:
    """Hold the GIL, so that no thread of this process runs, with a process of its own beside it."""
    child = subprocess.Popen(SLEEP)
    announce(payload, os.getpid(), child.pid)
    ctypes.PyDLL(None).sleep(300)


@mux.handler("clean", mode="process")
def clean(ctx: SyncContext, payload: dict[str, str]) -> None:
    """Wait for ever, and say so when it is stopped."""
    try:
        announce(payload, os.getpid())
        threading.Event().wait()
    finally:
        Path(payload["file"]).with_suffix(".cleaned").write_text(str(ctx.cancel_reason))


@mux.handler("watch", mode="process")
def watch(ctx: SyncContext, payload: dict[str, str]) -> str | None:
    """Return the reason when it is told to stop."""
    announce(payload, os.getpid())
    while not ctx.cancelled:
        threading.Event().wait(0.005)
    return ctx.cancel_reason


@mux.handler("leave", mode="process")
def leave(ctx: SyncContext, payload: dict[str, str]) -> None:
    """Die and leave a process behind."""
    child = subprocess.Popen(SLEEP)
    announce(payload, os.getpid(), child.pid)
    os._exit(9)


@mux.handler("doom", mode="process")
def doom(ctx: SyncContext) -> int:
    """Return, and have the process die of it soon after."""
    threading.Timer(0.05, os._exit, (5,)).start()
    return os.getpid()


@mux.handler("progress", mode="process")
def progress(ctx: SyncContext) -> None:
    ctx.progress(10, "begun")
    ctx.progress(90, "almost")


@mux.handler("enqueue", mode="process")
def enqueue(ctx: SyncContext, payload: dict[str, object]) -> list[str]:
    first = Task("mail", payload, queue="mails")
    second = Task(
        "mail",
        queue="mails",
        priority=7,
        max_retry=2,
        timeout="5s",
        delay=1.5,
        backoff=Backoff.fixed("3s"),
        unique_key="mail:1|2",
        extra={"trace": "a"},
        depends_on=first,
    )
    return [ctx.enqueue(task) for task in (first, second, first)]


@mux.handler("refused", mode="process")
def refused(ctx: SyncContext) -> list[object]:
    try:
        ctx.enqueue(Task("mail"))
    except RediqError as error:
        return [type(error).__name__, error.code, str(error), vars(error)]
    return []


@mux.handler("refuse", mode="process")
def refuse(ctx: SyncContext) -> None:
    ctx.enqueue(Task("mail"))


@mux.handler("parents", mode="process")
def parents(ctx: SyncContext) -> list[object]:
    return [[each.id, each.type, each.state, each.result] for each in ctx.dependencies]


@mux.handler("log", mode="process")
def log(ctx: SyncContext) -> None:
    try:
        raise ValueError("no paper")
    except ValueError:
        ctx.log.warning("printing %s failed", "a bill", exc_info=True, extra={"printer": 3})


@mux.handler("late", mode="process")
def late(ctx: SyncContext, payload: dict[str, str]) -> None:
    """Return, and have a thread enqueue after that."""

    def enqueue_late() -> None:
        threading.Event().wait(0.05)
        try:
            ctx.enqueue(Task("mail"))
        except RediqError as error:
            Path(payload["file"]).write_text(error.code)

    threading.Thread(target=enqueue_late, daemon=True).start()


@mux.handler("stdin", mode="process")
def stdin(ctx: SyncContext) -> str:
    return sys.stdin.read()


@mux.handler("thread")
def in_a_thread(ctx: SyncContext) -> None:
    return None


def announce(payload: dict[str, str], *pids: int) -> None:
    """Write the pids into the file that the test waits for, all at once."""
    path = Path(payload["file"])
    part = path.with_suffix(".part")
    part.write_text(" ".join(map(str, pids)))
    part.rename(path)
