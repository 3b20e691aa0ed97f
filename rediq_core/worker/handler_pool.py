"""Handler processes of one task process: kept warm, one run each at a time, killed one by one.

For handlers in mode "process". A run that is cancelled is told so, then asked by SIGTERM, then
killed with all it has started; one whose process dies ends in `HandlerProcessDied`, and concerns no
other run. The pool judges nothing and settles nothing, and the number of runs at once is the
executor's slots: a run never waits for a process, it starts one.

What does not reach a handler process: `ctx.state`, and what other handlers keep in modules.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rediq_core.errors import ConfigError, RediqError, WrongState
from rediq_core.handlers.context import Context
from rediq_core.handlers.registration import Registration
from rediq_core.model.codec import decode
from rediq_core.worker.handler_failures import failure_of
from rediq_core.worker.handler_frames import Frame, FrameError, pack
from rediq_core.worker.handler_logs import emit_here
from rediq_core.worker.handler_messages import (
    child_of,
    error_of,
    pack_dependencies,
    pack_error,
    pack_run,
)
from rediq_core.worker.handler_peer import HandlerProcessDied, Peer, describe_status
from rediq_core.worker.memory import rss_of

# Seconds a run that was told to stop has until it is killed. Less than the supervisor's own
# patience with the task process.
DEFAULT_GRACE_S = 2.0
# Seconds for the imports of a new process.
DEFAULT_START_TIMEOUT_S = 60.0
# Seconds for the end of a conversation with a process that was killed.
_END_S = 5.0


@dataclass(slots=True, eq=False)
class _Run:
    """A run that is in a process.

    Attributes:
        peer: The process.
        number: The run's number; frames of it carry the number.
        on_started: Told the pid when the process has taken the run.
        is_started: It has.
        is_over: The process has said how it ended, and is free.
        is_killed: `kill` was called.
    """

    peer: Peer
    number: int
    on_started: Callable[[int], None] | None
    is_started: bool = False
    is_over: bool = False
    is_killed: bool = False

    def tell(self, reason: str, *, is_stop: bool) -> None:
        """Tell the handler that it should stop; with `is_stop`, raise it out of what it does."""
        self.peer.is_spent |= is_stop
        self.peer.send(pack("cancel", run=self.number, reason=reason, stop=is_stop))


class HandlerPool:
    """The handler processes of one task process. Belongs to one event loop, which closes it."""

    def __init__(
        self,
        handler_specs: Sequence[str],
        import_root: str | None,
        size: int,
        *,
        grace_s: float = DEFAULT_GRACE_S,
        start_timeout_s: float = DEFAULT_START_TIMEOUT_S,
        max_runs: int = 0,
        max_rss_bytes: int = 0,
    ) -> None:
        """Describe the processes; starts none.

        Args:
            handler_specs: Modules with handlers, as in the configuration. A handler that none of
                them has is looked for in the module of its function.
            import_root: Folder that modules are looked for in first, or None.
            size: Most idle processes that are kept.
            grace_s: From SIGTERM to SIGKILL when a run is stopped; 0 kills at once.
            start_timeout_s: For the imports of a new process.
            max_runs: A process ends after so many runs; 0 for no limit.
            max_rss_bytes: A process ends after a run that left it with more memory; 0 for any.
        """
        self._specs = tuple(handler_specs)
        self._root = import_root
        self._size = size
        self._grace_s = grace_s
        self._start_timeout_s = start_timeout_s
        self._max_runs = max_runs
        self._max_rss_bytes = max_rss_bytes
        self._idle: list[Peer] = []
        self._peers: set[Peer] = set()
        self._runs: dict[Context, _Run] = {}
        self._numbers = itertools.count(1)
        self._is_closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """All processes that were not reaped yet."""
        return tuple(peer.pid for peer in self._peers)

    @property
    def idle(self) -> int:
        """How many processes wait for a run."""
        return len(self._idle)

    async def warm(self, count: int = 1) -> None:
        """Start processes until so many are idle, at most `size`, and see that imports work.

        Raises:
            ConfigError: A module cannot be imported there.
        """
        wanted = min(count, self._size) - len(self._idle)
        started = await asyncio.gather(
            *(self._start() for _ in range(wanted)), return_exceptions=True
        )
        for peer in started:
            if isinstance(peer, Peer):
                self._put_back(peer)
        for failure in started:
            if isinstance(failure, BaseException):
                raise failure

    async def run_plain(self, registration: Registration, ctx: Context) -> object:
        """Do what `run` does and return the result decoded: a `PlainRunner` for a mux."""
        encoded = await self.run(registration, ctx)
        return decode(encoded) if encoded else None

    async def run(
        self,
        registration: Registration,
        ctx: Context,
        *,
        on_started: Callable[[int], None] | None = None,
    ) -> bytes:
        """Run a handler in a process of its own.

        When cancelled it tells the handler why (`ctx.cancel_reason`). For the reason "cancel" the
        handler then has until its deadline to look at `ctx.cancelled`; for any other, and when
        cancelled again, it is asked by SIGTERM and killed after the grace. A handler that returns
        in time has completed.

        Args:
            registration: Of a handler in mode "process".
            ctx: The run.
            on_started: Called with the process id when the process has taken the run.

        Returns:
            The result as JSON; b"" for None.

        Raises:
            RemoteFailure: The handler raised; also a `Permanent`, `Retry` or `Snooze` if it was.
            HandlerProcessDied: The process died under it.
            asyncio.CancelledError: It was stopped or killed.
            ConfigError: No process can be started, or a module cannot be imported there.
        """
        run = _Run(await self._take(), next(self._numbers), on_started)
        try:
            return await self._attempt(run, registration, ctx)
        except HandlerProcessDied:
            if run.is_started:
                raise
        # An idle process was dying of an earlier run's doing: that is not this task's fault.
        run = _Run(await self._start(), next(self._numbers), on_started)
        return await self._attempt(run, registration, ctx)

    def kill(self, ctx: Context) -> bool:
        """Kill the process of a run at once, with all it has started.

        Returns:
            Whether it was running; its `run` then raises `asyncio.CancelledError`.
        """
        run = self._runs.get(ctx)
        if run is None:
            return False
        run.is_killed = True
        run.peer.kill()
        return True

    async def aclose(self) -> None:
        """End all processes, those that run something by SIGKILL, and reap them; safe twice."""
        self._is_closed = True
        for run in self._runs.values():
            run.is_killed = True
        for peer in list(self._peers):
            if peer in self._idle:
                peer.retire()
            else:
                peer.kill()
        self._idle.clear()
        await asyncio.gather(*(peer.gone() for peer in self._peers))

    async def _attempt(self, run: _Run, registration: Registration, ctx: Context) -> bytes:
        self._runs[ctx] = run
        try:
            return await self._supervise(run, registration, ctx)
        except HandlerProcessDied as died:
            if run.is_killed:
                raise asyncio.CancelledError from died
            raise
        finally:
            del self._runs[ctx]
            self._put_back(run.peer, is_free=run.is_over)

    async def _take(self) -> Peer:
        while self._idle:
            peer = self._idle.pop()
            if peer.is_alive:
                peer.is_talking = True
                return peer
        return await self._start()

    async def _start(self) -> Peer:
        if self._is_closed:
            raise ConfigError("the pool of handler processes is closed.")
        peer = Peer(self._forget)
        self._peers.add(peer)
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await peer.open(self._specs, self._root)
                await self._until_ready(peer)
        except BaseException as error:
            self._put_back(peer, is_free=False)
            if isinstance(error, TimeoutError):
                raise ConfigError(
                    f"a handler process was not ready within {self._start_timeout_s:g} s.",
                    cause=f"It imports {self._named_specs()}.",
                ) from error
            raise
        return peer

    async def _until_ready(self, peer: Peer) -> None:
        try:
            while (frame := await peer.receive()).op == "log":
                emit_here(frame)
        except HandlerProcessDied as died:
            raise ConfigError(
                f"a handler process {describe_status(died.exit_status)} while it started.",
                cause=f"It imports {self._named_specs()}.",
                next_step="Look at what it wrote to stderr.",
            ) from died
        if frame.op == "broken":
            raise error_of(frame)

    def _named_specs(self) -> str:
        return ", ".join(self._specs) or "no modules"

    def _forget(self, peer: Peer) -> None:
        self._peers.discard(peer)
        if peer in self._idle:
            self._idle.remove(peer)

    def _put_back(self, peer: Peer, *, is_free: bool = True) -> None:
        peer.rest()
        if not is_free or not peer.is_alive:
            peer.kill()
            return
        if self._is_closed or self._is_used_up(peer):
            peer.retire()
            return
        self._idle.append(peer)
        if len(self._idle) > self._size:
            self._idle.pop(0).retire()

    def _is_used_up(self, peer: Peer) -> bool:
        if self._max_runs and peer.runs >= self._max_runs:
            return True
        return bool(self._max_rss_bytes) and rss_of(peer.pid) > self._max_rss_bytes

    async def _supervise(self, run: _Run, registration: Registration, ctx: Context) -> bytes:
        conversation = asyncio.create_task(self._converse(run, registration, ctx))
        try:
            return await asyncio.shield(conversation)
        except asyncio.CancelledError:
            await self._stop(run, conversation, ctx)
            if not conversation.done():
                conversation.cancel()
            elif not conversation.cancelled() and conversation.exception() is None:
                return conversation.result()
            raise

    async def _stop(self, run: _Run, conversation: asyncio.Task[bytes], ctx: Context) -> None:
        """Stop a run in up to three steps; being cancelled again goes on to the next one."""
        reason = ctx.cancel_reason or "shutdown"
        steps: list[tuple[Callable[[], None], float | None]] = []
        if reason == "cancel":
            steps.append((lambda: run.tell(reason, is_stop=False), ctx.remaining_s))
        if self._grace_s:
            steps.append((lambda: run.tell(reason, is_stop=True), self._grace_s))
        for step, limit_s in [*steps, (run.peer.kill, _END_S)]:
            if conversation.done():
                return
            step()
            try:
                await asyncio.wait({conversation}, timeout=limit_s)
            except asyncio.CancelledError:
                continue

    async def _converse(self, run: _Run, registration: Registration, ctx: Context) -> bytes:
        peer, function = run.peer, registration.function
        peer.runs += 1
        place = (function.__module__, function.__qualname__)
        peer.send(pack_run(run.number, ctx.task, place, ctx.remaining_s))
        try:
            while True:
                frame = await peer.receive()
                if frame.op == "returned" and frame.head.get("run") == run.number:
                    run.is_over = True
                    return frame.body
                await self._obey(frame, run, ctx)
        except FrameError as error:
            raise await peer.broke() from error

    async def _obey(self, frame: Frame, run: _Run, ctx: Context) -> None:
        if frame.op == "log":
            emit_here(frame)
        elif frame.head.get("run") != run.number:
            _refuse_late(frame, run.peer)
        elif frame.op == "started":
            run.is_started = True
            if run.on_started is not None:
                run.on_started(run.peer.pid)
        elif frame.op == "progress":
            ctx.progress(frame.number("percent"), frame.text("message"))
        elif frame.op == "failed":
            run.is_over = True
            raise failure_of(frame)
        else:
            await _answer(frame, run.peer, ctx)


def _refuse_late(frame: Frame, peer: Peer) -> None:
    """Answer a thread that a handler left behind and that asks for a run that has ended."""
    if "sequence" in frame.head:
        error = WrongState("the run has ended.", cause="A thread of its handler goes on.")
        peer.send(pack_error("refused", error, int(frame.number("sequence"))))


async def _answer(frame: Frame, peer: Peer, ctx: Context) -> None:
    sequence = int(frame.number("sequence"))
    try:
        match frame.op:
            case "enqueue":
                task_id = await ctx.enqueue(child_of(frame))
                peer.send(pack("answer", sequence=sequence, id=task_id))
            case "dependencies":
                peer.send(pack_dependencies(sequence, ctx.dependencies))
            case _:
                raise FrameError(f"{frame.op} is not known")
    except RediqError as error:
        peer.send(pack_error("refused", error, sequence))
