"""A master that has lost its replicas, with and without `min-replicas-to-write`."""

from __future__ import annotations

import time

import pytest

from rediq_core import RediqError, SyncClient, Task, TaskState
from tests.support.figures import figure
from tests.support.servers import sentinel_group
from tests.support.waiting import wait_until
from tests.support.workers import worker

MAX_LAG_S = 2


@pytest.mark.slow
@pytest.mark.sentinel
@pytest.mark.timeout(120)
def test_a_master_alone_takes_no_task() -> None:
    """What a cut-off master takes is lost when the other side promotes; so it is to take nothing.

    The replicas are stopped, and the Sentinels with them: seen from the master and its producers,
    that is a partition with the minority on this side.
    """
    safe = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", str(MAX_LAG_S)]
    with (
        sentinel_group(extra_args=safe) as group,
        SyncClient(group.master.url, deadline=0.5) as client,
        worker(group.master.url) as running,
    ):
        wait_until(lambda: "is ready" in running.log, "ready", 20)
        client.result(client.enqueue(Task("sleep", 0.0)), timeout=20)
        for node in (*group.sentinels, *group.replicas):
            node.pause()
        began = time.monotonic()
        taken: list[tuple[float, str]] = []

        def refusal() -> str:
            try:
                taken.append((time.monotonic() - began, client.enqueue(Task("sleep", 0.0))))
            except RediqError as error:
                return str(error)
            return ""

        said = wait_until(refusal, "refused", 20)
        last_s = taken[-1][0] if taken else 0.0
        for node in (*group.replicas, *group.sentinels):
            node.resume()
        with SyncClient(group.master.url, deadline=20.0) as patient:
            ids = [task_id for _, task_id in taken] + [patient.enqueue(Task("sleep", 0.0))]
            wait_until(
                lambda: all(patient.get(i).state is TaskState.COMPLETED for i in ids), "goes on", 30
            )
        assert running.process.poll() is None

    assert "replicas" in said
    figure("R4", "last task taken after the replicas went", last_s, "s", at_most=MAX_LAG_S + 1.5)
