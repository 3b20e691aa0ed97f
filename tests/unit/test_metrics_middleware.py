"""The metrics middleware: what it counts, and that no input makes it count without bounds."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from rediq_core import Context, Member, MetricsMiddleware, Snooze, Task
from rediq_core.testing import context
from tests.support.clock import ManualClock


class Scene:
    """A middleware with its registry and a clock that runs push on."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.clock = ManualClock()
        self.middleware = MetricsMiddleware(self.registry, clock=self.clock)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def series(self, name: str) -> int:
        (family,) = [each for each in self.registry.collect() if each.name == name]
        samples = [s for s in family.samples if s.name.endswith(("_total", "_count"))]
        return len(samples)

    async def run(
        self, ctx: Context, error: BaseException | None = None, took_s: float = 0.0
    ) -> None:
        async def handler(_: Context) -> object:
            self.clock.advance(round(took_s * 1_000))
            if error is not None:
                raise error
            return None

        if error is None:
            await self.middleware(ctx, handler)
            return
        with pytest.raises(type(error)) as caught:
            await self.middleware(ctx, handler)
        assert caught.value is error


async def test_a_run_is_counted_with_its_duration_and_wait() -> None:
    scene = Scene()
    ctx = context("pay", queue="q")
    ctx.task.ready_ms = ctx.task.claimed_ms - 2_000

    await scene.run(ctx, took_s=0.3)

    of = {"queue": "q", "type": "pay"}
    assert scene.value("rediq_task_processed_total", **of) == 1
    assert scene.value("rediq_task_processing_duration_sum", **of) == pytest.approx(0.3)
    assert scene.value("rediq_task_processing_duration_bucket", **of, le="0.25") == 0
    assert scene.value("rediq_task_processing_duration_bucket", **of, le="0.5") == 1
    assert scene.value("rediq_task_wait_duration_sum", **of) == 2


@pytest.mark.parametrize(
    ("error", "reason", "processed", "named"),
    [
        (ValueError("no"), None, 1, "ValueError"),
        (Snooze("later", delay="1s"), None, 1, None),
        (asyncio.CancelledError(), "timeout", 1, "TaskTimeout"),
        (asyncio.CancelledError(), "shutdown", None, None),
    ],
)
async def test_what_ended_a_run_is_counted_as_the_worker_does(
    error: BaseException, reason: str | None, processed: int | None, named: str | None
) -> None:
    scene = Scene()
    ctx = context("pay")
    if reason is not None:
        ctx.cancel(reason)  # type: ignore[arg-type]  # one of the reasons

    await scene.run(ctx, error)

    of = {"queue": "default", "type": "pay"}
    assert scene.value("rediq_task_processed_total", **of) == processed
    if named is None:
        assert scene.series("rediq_task_error") == 0
    else:
        assert scene.value("rediq_task_error_total", **of, error=named) == 1


async def test_each_member_of_a_group_is_counted() -> None:
    scene = Scene()
    ctx = context("pay", queue="q")
    ctx.set_members([Member(ctx.task, None), Member(context("pay", queue="q").task, None)])

    await scene.run(ctx, took_s=1.0)

    of = {"queue": "q", "type": "pay"}
    assert scene.value("rediq_task_processed_total", **of) == 2
    assert scene.value("rediq_task_processing_duration_sum", **of) == 2


async def test_a_thousand_types_and_errors_are_a_hundred_and_the_rest() -> None:
    scene = Scene()
    for number in range(1_000):
        failure = type(f"E{number}", (Exception,), {})()
        await scene.run(context(Task(f"type:{number}")), failure)

    assert scene.series("rediq_task_processing_duration") == 101
    assert scene.series("rediq_task_error") == 101
    rest = {"queue": "default", "type": "other"}
    assert scene.value("rediq_task_processed_total", **rest) == 900
    assert scene.value("rediq_task_error_total", **rest, error="other") == 900
