"""Run what was captured, in order, as a worker would: no server, and no time passes.

The clock of the capture jumps to whatever is due next, so a retry in a minute or a task of tomorrow
runs now, after all that is due before it. Middlewares, payload checks, resources, timeouts, retries
with their backoff, `on_dead`, dependencies and groups are those of a worker. Tasks run one after
another, never side by side; a handler of mode "process" runs in a thread.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import ConfigError
from rediq_core.handlers.context import Context
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.outcomes import judge
from rediq_core.handlers.payloads import encode_result
from rediq_core.handlers.registration import Registration
from rediq_core.handlers.settings import NO_DEFAULTS, RunSettings, resolve
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.testing.captured import Captured
from rediq_core.testing.capturing import active_capture
from rediq_core.testing.contexts import TestRuntime, claimed_of
from rediq_core.testing.store import Entry
from rediq_core.verbs.exchange import Settled
from rediq_core.worker import settling
from rediq_core.worker.executor import timed_out
from rediq_core.worker.group_runs import GroupRun

# Runs of one drain before it is taken for a circle.
MAX_RUNS = 10_000
_TARGETS = {
    "c": TaskState.COMPLETED,
    "r": TaskState.RETRY,
    "d": TaskState.DEAD,
    "s": TaskState.DELAYED,
}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one task.

    Attributes:
        task: The task.
        attempt: Number of the run, from 1.
        state: What the task became: completed, retry, dead, delayed (snoozed) or cancelled.
        error: What the handler raised, or None.
    """

    task: Task[object]
    attempt: int
    state: TaskState
    error: BaseException | None


async def drain(
    mux: Mux,
    captured: Captured | None = None,
    *,
    until: Duration | None = None,
    resources: Mapping[object, object] | None = None,
    max_runs: int = MAX_RUNS,
) -> list[Run]:
    """Run captured tasks until none is left that may run, with all that they enqueue.

    Tasks of types that the mux does not know stay where they are.

    Args:
        mux: The handlers; opened for this, and closed again.
        captured: What to run; None for the capture that is on.
        until: Stop before what is due later than this from now, by the capture's clock; None runs
            everything, however late it is due.
        resources: Values to use instead of opening resources, by their type.
        max_runs: More runs than this are taken for a circle.

    Returns:
        All runs, in order.

    Raises:
        ConfigError: No capture is on, or the mux cannot be opened.
        AssertionError: There were more than `max_runs` runs.
    """
    if captured is None:
        captured = active_capture()
    if captured is None:
        raise ConfigError(
            "there is nothing to drain.", next_step="Use it inside: with capture() as enqueued:"
        )
    end_ms = None
    if until is not None:
        end_ms = captured.store.now_ms + duration_ms(until, "until")
    await mux.open_resources(replacements=resources)
    try:
        return await _Drain(mux, captured, end_ms, max_runs).run()
    finally:
        await mux.close_resources()


class _Drain:
    """One drain; the capture outlives it."""

    def __init__(self, mux: Mux, captured: Captured, end_ms: int | None, max_runs: int) -> None:
        self._mux = mux
        self._store = captured.store
        self._captured = captured
        self._end_ms = end_ms
        self._max_runs = max_runs
        # Jitter of retries decides nothing in a test, so it is the same in each.
        self._rng = random.Random(0)
        self._runs: list[Run] = []

    async def run(self) -> list[Run]:
        while (due := self._next()) is not None:
            entries, at_ms = due
            if self._end_ms is not None and at_ms > self._end_ms:
                break
            self._store.now_ms = max(self._store.now_ms, at_ms)
            if len(self._runs) >= self._max_runs:
                raise AssertionError(
                    f"{self._max_runs} runs, and {entries[0].task.type} is due again"
                )
            if not self._expire(entries[0]):
                await self._run(entries)
        return self._runs

    def _next(self) -> tuple[list[Entry], int] | None:
        """Return what runs next and when: what is due, by priority; else what is due soonest."""
        now_ms = self._store.now_ms
        groups: dict[tuple[str, str, str], list[Entry]] = {}
        candidates: list[tuple[list[Entry], int]] = []
        for entry in self._store.find(lambda entry: not entry.is_final and not entry.unmet):
            registration = self._mux.lookup(entry.task.type)
            if registration is None or entry.state is TaskState.ACTIVE:
                continue
            if registration.group is None or not entry.task.group:
                due_ms = max(entry.score_ms, entry.place_ms) if _waits(entry) else 0
                candidates.append(([entry], due_ms))
            else:
                key = (entry.task.queue, entry.task.type, entry.task.group)
                groups.setdefault(key, []).append(entry)
        candidates += [self._ripe(members) for members in groups.values()]
        if not candidates:
            return None
        return min(candidates, key=lambda found: _order(found, now_ms))

    def _ripe(self, members: list[Entry]) -> tuple[list[Entry], int]:
        """Return the members of a group that run together, and when."""
        registration = self._mux.lookup(members[0].task.type)
        rule = None if registration is None else registration.group
        if rule is None:
            raise AssertionError("a group without a rule")
        arrivals = sorted((max(m.score_ms, m.place_ms), m.number, m) for m in members)
        together: list[Entry] = []
        due_ms = 0
        for at_ms, _, member in arrivals:
            if together and at_ms > due_ms:
                break
            together.append(member)
            first_ms = max(together[0].score_ms, together[0].place_ms)
            due_ms = min(at_ms + rule.grace_ms, first_ms + rule.max_delay_ms)
            if len(together) == rule.max_size:
                return together, at_ms
        return together, due_ms

    def _expire(self, entry: Entry) -> bool:
        is_late = entry.expires_ms and entry.expires_ms <= self._store.now_ms and not entry.tries
        if is_late:
            entry.note("expired", self._store.now_ms)
            self._store.end(entry, TaskState.CANCELLED)
        return bool(is_late)

    async def _run(self, entries: list[Entry]) -> None:
        registration = self._mux.lookup(entries[0].task.type)
        if registration is None:
            raise AssertionError("a task without a handler was due")
        number = len(self._runs) + 1
        claims = [claimed_of(entry, self._store.now_ms, number) for entry in entries]
        for entry in entries:
            entry.state, entry.score_ms = TaskState.ACTIVE, self._store.now_ms
        run = GroupRun(claims, registration, NO_DEFAULTS) if registration.group else None
        settings = _settings_of(run, claims[0], registration)
        runtime = TestRuntime(self._captured)
        deadline_s = SYSTEM_CLOCK.monotonic() + settings.timeout_ms / 1000
        ctx = Context(claims[0], runtime, deadline_s if settings.timeout_ms else None)
        if run is not None:
            ctx.set_members(run.members)
        is_called = run is None or bool(run.members)
        encoded, failure = await _call(registration, ctx, settings) if is_called else (b"", None)
        ends = [(claims[0], failure)] if run is None else run.errors(failure)
        for (claim, error), entry in zip(ends, entries, strict=True):
            own = settings if run is None else run.settings[claim.id]
            await self._settle(entry, claim, registration, own, encoded, error)

    async def _settle(
        self,
        entry: Entry,
        claim: ClaimedTask,
        registration: Registration,
        settings: RunSettings,
        encoded: bytes,
        error: BaseException | None,
    ) -> None:
        if error is None:
            row = settling.completed(claim, 0, encoded, settings.keep_ms)
        else:
            outcome = judge(error, claim.type)
            row = settling.failed(claim, 0, outcome, settings, self._rng)
        state = self._apply(entry, row)
        self._runs.append(Run(entry.task, claim.attempt, state, error))
        if state is TaskState.DEAD and error is not None:
            record = judge(error, claim.type).failure
            ctx = Context(claim, TestRuntime(self._captured))
            for hook in registration.dead_hooks:
                await hook.run(registration.load, ctx, record)

    def _apply(self, entry: Entry, row: Settled) -> TaskState:
        """Do what the exchange does with a settled run."""
        line = row.line if isinstance(row.line, bytes) else row.line.encode()
        entry.runs += line
        entry.progress = b""
        now_ms, state = self._store.now_ms, _TARGETS[row.target[0]]
        if entry.is_cancelled and state is not TaskState.COMPLETED:
            entry.note("cancelled", now_ms)
            state = TaskState.CANCELLED
        if row.tries:
            entry.tries = f"{row.tries}|0".encode()
        if state in (TaskState.RETRY, TaskState.DELAYED):
            entry.state, entry.score_ms = state, now_ms + int(row.target[1:] or 0)
        else:
            self._store.end(entry, state)
        return state


def _waits(entry: Entry) -> bool:
    return entry.state in (TaskState.DELAYED, TaskState.RETRY)


def _order(found: tuple[Sequence[Entry], int], now_ms: int) -> tuple[int, int, int, int]:
    entries, due_ms = found
    first = entries[0]
    return max(due_ms, now_ms), first.task.priority, first.place_ms, first.number


def _settings_of(
    run: GroupRun | None, claim: ClaimedTask, registration: Registration
) -> RunSettings:
    if run is None:
        return resolve(claim, registration)
    return run.settings[claim.id]._replace(timeout_ms=run.timeout_ms)


async def _call(
    registration: Registration, ctx: Context, settings: RunSettings
) -> tuple[bytes, BaseException | None]:
    """Run middlewares and handler under the deadline; returns the result as JSON, or the error."""
    scope = asyncio.timeout(settings.timeout_ms / 1000 if settings.timeout_ms else None)
    try:
        async with scope:
            result = await registration.call(ctx)
        return (b"" if result is None else encode_result(result)), None
    except TimeoutError as error:
        failure: BaseException = error
        if scope.expired():
            ctx.cancel("timeout")
            failure = timed_out(ctx.task, settings.timeout_ms)
        return b"", failure
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001  # user code raises anything, sys.exit() too
        return b"", error
    finally:
        ctx.finish()
