"""Handler processes that die or are stopped: who is told, what is killed, what is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rediq_core.worker.handler_peer import HandlerProcessDied, describe_status
from rediq_core.worker.handler_pool import HandlerPool
from tests.support.waiting import await_until, wait_until
from tests.unit.handler_pool_support import (
    begin,
    handler,
    is_alive,
    is_there,
    open_pool,
    run,
    run_context,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["pidfd", "polling"])
def _reaping(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also as on a system without pidfd."""

    def refuse(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    if request.param == "polling":
        monkeypatch.setattr(os, "pidfd_open", refuse)


@pytest.mark.usefixtures("_reaping")
@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("exit", 3),
        ("kill", -signal.SIGKILL),
        ("segfault", -signal.SIGSEGV),
        ("close", 1),
        ("garbage", -signal.SIGKILL),
    ],
)
async def test_a_process_that_dies_is_told_from_a_handler_that_fails(how: str, status: int) -> None:
    async with open_pool() as pool:
        survivor = asyncio.create_task(run(pool, "echo", how))
        with pytest.raises(HandlerProcessDied) as caught:
            await run(pool, "die", how)

        assert caught.value.exit_status == status
        assert await survivor == how
        assert await run(pool, "echo", 1) == 1


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (3, "exited with status 3"),
        (-11, "was killed by SIGSEGV"),
        (-99, "was killed by signal 99"),
    ],
)
def test_a_death_is_described(status: int, text: str) -> None:
    assert describe_status(status) == text
    assert str(HandlerProcessDied(status)) == f"The handler process {text}."


async def test_an_idle_process_that_dies_is_nobodys_fault() -> None:
    async with open_pool(size=1) as pool:
        doomed = await run(pool, "doom")
        await await_until(lambda: doomed not in pool.pids, "it died and was reaped")

        assert pool.idle == 0
        assert await run(pool, "pid") != doomed


async def test_a_run_given_to_a_dying_process_goes_to_another() -> None:
    async with open_pool(size=1) as pool:
        first = await run(pool, "pid")
        os.kill(int(str(first)), signal.SIGKILL)  # the loop has not turned: it counts as idle

        assert await run(pool, "pid") != first


async def test_a_handler_that_never_returns_is_killed_within_the_grace(tmp_path: Path) -> None:
    async with open_pool(grace_s=0.3) as pool:
        running, ctx, pids = await begin(pool, "spin", tmp_path / "pids")
        ctx.cancel("timeout")
        begun_s = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert 0.3 <= time.monotonic() - begun_s < 1.3
        await await_until(lambda: not is_there(pids[0]), "it was reaped")
        assert pool.pids == ()


async def test_a_handler_that_holds_the_gil_is_killed_with_what_it_started(tmp_path: Path) -> None:
    async with open_pool(grace_s=0.1) as pool:
        running, ctx, pids = await begin(pool, "hold", tmp_path / "pids")
        ctx.cancel("lease_lost")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await await_until(lambda: not any(map(is_alive, pids)), "both are gone")


async def test_without_grace_it_is_killed_at_once(tmp_path: Path) -> None:
    async with open_pool(grace_s=0) as pool:
        running, ctx, _ = await begin(pool, "clean", tmp_path / "pids")
        ctx.cancel("shutdown")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert not (tmp_path / "pids.cleaned").exists()


@pytest.mark.parametrize("reason", ["timeout", "shutdown", "lease_lost"])
async def test_a_stopped_handler_cleans_up_and_its_process_is_not_used_again(
    tmp_path: Path, reason: str
) -> None:
    async with open_pool() as pool:
        running, ctx, pids = await begin(pool, "clean", tmp_path / "pids")
        ctx.cancel(reason)  # type: ignore[arg-type]  # one of the reasons
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert (tmp_path / "pids.cleaned").read_text() == reason
        assert await run(pool, "pid") != pids[0]


async def test_a_cancelled_handler_is_told_and_may_still_complete(tmp_path: Path) -> None:
    async with open_pool() as pool:
        running, ctx, pids = await begin(pool, "watch", tmp_path / "pids")
        ctx.cancel("cancel")
        running.cancel()

        assert await running == b'"cancel"'
        assert await run(pool, "pid") == pids[0]


async def test_cancelled_again_a_handler_is_stopped(tmp_path: Path) -> None:
    async with open_pool() as pool:
        running, ctx, _ = await begin(pool, "clean", tmp_path / "pids")
        ctx.cancel("cancel")
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=0.2)
        assert not done
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert (tmp_path / "pids.cleaned").read_text() == "cancel"


async def test_cancelled_three_times_it_is_killed(tmp_path: Path) -> None:
    async with open_pool(grace_s=60) as pool:
        running, ctx, _ = await begin(pool, "spin", tmp_path / "pids")
        ctx.cancel("cancel")
        for _ in range(3):
            running.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_cancelled_handler_has_no_more_than_its_own_time(tmp_path: Path) -> None:
    async with open_pool(grace_s=0.1) as pool:
        running, ctx, _ = await begin(pool, "clean", tmp_path / "pids")
        ctx._deadline_s = ctx._runtime.clock.monotonic() + 0.2
        ctx.cancel("cancel")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert (tmp_path / "pids.cleaned").exists()


async def test_killing_a_run_takes_its_process_at_once(tmp_path: Path) -> None:
    async with open_pool(grace_s=60) as pool:
        running, ctx, pids = await begin(pool, "hold", tmp_path / "pids")
        was_running = pool.kill(ctx)
        with pytest.raises(asyncio.CancelledError):
            await running

        assert (was_running, pool.kill(ctx)) == (True, False)
        await await_until(lambda: not any(map(is_alive, pids)), "both are gone")


async def test_what_a_dead_handler_left_behind_is_killed(tmp_path: Path) -> None:
    async with open_pool() as pool:
        running, _, pids = await begin(pool, "leave", tmp_path / "pids")
        with pytest.raises(HandlerProcessDied) as caught:
            await running

        assert caught.value.exit_status == 9
        await await_until(lambda: not any(map(is_alive, pids)), "its child is gone too")


async def test_cancelled_while_its_process_starts_nothing_is_left() -> None:
    async with open_pool() as pool:
        running = asyncio.create_task(run(pool, "echo"))
        await await_until(lambda: pool.pids, "a process was started")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await await_until(lambda: pool.pids == (), "it is gone again")


async def test_closing_kills_what_runs(tmp_path: Path) -> None:
    async with open_pool() as pool:
        running, _, pids = await begin(pool, "spin", tmp_path / "pids")
        await pool.aclose()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert not is_there(pids[0])


async def test_many_kills_leave_no_process_and_no_open_file(tmp_path: Path) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async with open_pool(size=1) as pool:
        await run(pool, "echo")
        before = open_files()
        for _ in range(5):
            with pytest.raises(HandlerProcessDied):
                await run(pool, "die", "exit")
            await run(pool, "echo")
        await await_until(lambda: open_files() == before, "every file was closed again")

        assert len(pool.pids) == 1


TASK_PROCESS = """
import asyncio, sys, threading
from pathlib import Path
from tests.unit.handler_pool_support import begin, open_pool

async def main():
    async with open_pool() as pool:
        for _ in range(4):  # as in a task process: threads end in any order
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        idle = asyncio.create_task(pool.warm())
        running, _, _ = await begin(pool, sys.argv[1], Path(sys.argv[2]))
        await idle
        print(*pool.pids, flush=True)
        await running

asyncio.run(main())
"""


@pytest.mark.parametrize("type_name", ["hold", "spin"])
def test_handler_processes_die_with_their_task_process(tmp_path: Path, type_name: str) -> None:
    file = tmp_path / "pids"
    command = [sys.executable, "-c", TASK_PROCESS, type_name, str(file)]
    task_process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert task_process.stdout is not None
    with task_process.stdout as stdout:
        pids = {*map(int, stdout.readline().split()), *map(int, file.read_text().split())}
        assert len(pids) >= 2
        assert all(map(is_alive, pids))

        task_process.kill()
        task_process.wait()

    wait_until(lambda: not any(map(is_alive, pids)), "all are gone", timeout_s=1)


async def test_a_pool_that_cannot_start_processes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    pool = HandlerPool([], None, 1)

    with pytest.raises(Exception, match="E014 a handler process cannot be started"):
        await pool.run(handler("echo"), run_context("echo"))
    await pool.aclose()
