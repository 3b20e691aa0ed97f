"""Slots move while 50 callers use the engine's scripts on the queues in them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.router import slot_of
from rediq_core.connection.topology import parse_url
from rediq_core.keys import queue_key
from rediq_core.model.state import TaskState
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import AsyncExecutor
from rediq_core.verbs.inspect import read_queue, read_tasks
from tests.faults.callers import NAMESPACE, Caller, move_in_a_process, queues_in
from tests.support.figures import figure, percentile
from tests.support.seeding import seed
from tests.support.servers import cluster_of_masters
from tests.support.waiting import await_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("in_memory")]

# The first third of all slots: what the first of three masters has.
SLOTS = range(5_461)
CALLERS = 50
# Tasks that lie in some of the queues while their slot moves.
BACKLOG = 9_000


@pytest.mark.timeout(240)
async def test_a_third_of_all_slots_moves_under_fifty_callers() -> None:
    # A master that gave its last slot away would become a replica, and take no SETSLOT any more.
    with cluster_of_masters(extra_args=["--cluster-allow-replica-migration", "no"]) as cluster:
        source, target, _ = cluster.masters
        link = AsyncLink(parse_url(cluster.url))
        executor = AsyncExecutor(link)
        callers = [Caller(executor, queue) for queue in queues_in(SLOTS, CALLERS)]
        plain = source.client()
        seeded = {
            queue: seed(plain, NAMESPACE, queue, "pending", BACKLOG, at_ms=1, is_listed=False)
            for queue in (caller.queue for caller in callers[:5])
        }
        plain.close()
        is_over = asyncio.Event()
        running = [asyncio.create_task(caller.run(is_over)) for caller in callers]
        await await_until(lambda: min(len(c.enqueued) for c in callers) > 5, "calls are flowing")
        before = [took for caller in callers for took in caller.took_s]
        for caller in callers:
            caller.took_s.clear()
        mover = await move_in_a_process(
            source.port, target.port, SLOTS, [node.port for node in cluster.masters]
        )
        assert mover.stdout is not None, "piped"
        moved_s = float(await mover.stdout.read())
        assert await mover.wait() == 0
        during = [took for caller in callers for took in caller.took_s]
        is_over.set()
        await asyncio.gather(*running)

        errors = [error for caller in callers for error in caller.errors]
        extra, lost = 0, 0
        for caller in callers:
            view = await executor.run(read_queue(Space(NAMESPACE), caller.queue, minute=0))
            extra += len(caller.claimed) - len(set(caller.claimed))
            extra += view.lifetime["enqueued"] - len(caller.enqueued)
            known = set(caller.enqueued) | set(seeded.get(caller.queue, ()))
            counts = view.counts
            finished = len(set(caller.settled))
            lost += (
                len(known)
                - finished
                - sum(counts.get(state, 0) for state in (TaskState.PENDING, TaskState.ACTIVE))
            )
            extra += counts.get(TaskState.COMPLETED, 0) - finished
        once = callers[-1]
        await once.drain()
        views = await executor.run(read_tasks(Space(NAMESPACE), once.queue, once.enqueued[-50:]))
        await link.aclose()

    assert {tuple(entry.kind for entry in view.timeline) for view in views if view is not None} == {
        ("completed",)
    }
    figure("R13", "calls during the reshard", len(during), "calls")
    figure("R13", "the reshard of 5,461 slots", moved_s, "s")
    figure("R13", "p99 of a call before it", percentile(before, 0.99) * 1_000, "ms")
    figure("R13", "errors", len(errors), "calls", at_most=0)
    figure("R13", "extra executions", extra, "calls", at_most=0)
    figure("R13", "tasks lost", lost, "tasks", at_most=0)
    figure("R13", "worst call during it", max(during) * 1_000, "ms")
    figure("R13", "p99 of a call during it", percentile(during, 0.99) * 1_000, "ms", at_most=50)


@pytest.mark.timeout(240)
async def test_the_move_of_a_queue_of_a_million_tasks_stalls_its_node_for_so_long() -> None:
    # MIGRATE holds both nodes for the whole of one key: the timeout must be longer than that.
    with cluster_of_masters(extra_args=["--cluster-node-timeout", "60000"]) as cluster:
        source, target, _ = cluster.masters
        queue, neighbour = queues_in(SLOTS, 2)
        plain = source.client()
        seed(plain, NAMESPACE, queue, "pending", 1_000_000, at_ms=1, is_listed=False)
        plain.close()
        link = AsyncLink(replace(parse_url(cluster.url), reply_timeout_s=30.0))
        executor = AsyncExecutor(link)
        callers = [Caller(executor, name, 60.0) for name in (queue, neighbour)]
        is_over = asyncio.Event()
        running = [asyncio.create_task(caller.run(is_over)) for caller in callers]
        await await_until(lambda: min(len(c.enqueued) for c in callers) > 5, "calls are flowing")
        slot = slot_of(queue_key(NAMESPACE, queue, "tasks"))
        began = time.monotonic()
        mover = await move_in_a_process(
            *(source.port, target.port, range(slot, slot + 1)),
            [node.port for node in cluster.masters],
        )
        assert await mover.wait() == 0
        took_s = time.monotonic() - began
        is_over.set()
        await asyncio.gather(*running)
        view = await executor.run(read_queue(Space(NAMESPACE), queue, minute=0))
        await link.aclose()

    assert [error for caller in callers for error in caller.errors] == []
    left = view.counts[TaskState.PENDING] + view.counts.get(TaskState.ACTIVE, 0)
    assert left + len(callers[0].settled) == 1_000_000 + len(callers[0].enqueued)
    figure("R13", "moving a queue of 1,000,000 tasks", took_s, "s")
    figure("R13", "worst call of that queue meanwhile", max(callers[0].took_s), "s")
    figure("R13", "worst call of a queue beside it", max(callers[1].took_s), "s")
