"""The same operator's desk on a Cluster and behind a Sentinel group, and on a loaded server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rediq_core.admin import Admin, connect
from rediq_core.client.sync import SyncClient
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.views import WorkerView
from rediq_core.verbs.listing import read_ids
from rediq_core.verbs.presence import announce
from tests.support.desk import NAMESPACE, Desk, where, worker_row
from tests.support.rig import DAY_MS


@contextmanager
def opened(url: str) -> Iterator[tuple[Admin, list[str], list[str]]]:
    """Two queues with a few tasks each, by a real producer, and an Admin of them."""
    with SyncClient(url, namespace=NAMESPACE) as client, connect(url, namespace=NAMESPACE) as admin:
        mail = client.enqueue_many([Task("m", {"n": n}, queue="mail") for n in range(600)])
        sms = client.enqueue_many([Task("s", queue="sms", delay="1h") for _ in range(3)])
        yield admin, mail, sms


@pytest.mark.parametrize(
    "topology",
    [
        pytest.param("cluster_url", marks=pytest.mark.cluster),
        pytest.param("sentinel_url", marks=pytest.mark.sentinel),
    ],
)
def test_an_operator_works_alike_in_every_topology(
    request: pytest.FixtureRequest, topology: str
) -> None:
    url = request.getfixturevalue(topology)
    with opened(url) as (admin, mail, sms):
        row: WorkerView = worker_row(queues=("mail",))
        admin.access.run(announce(admin.access.space, row))

        assert [(queue.name, queue.workers) for queue in admin.queues()] == [
            ("mail", 1),
            ("sms", 0),
        ]
        assert admin.task(sms[1]).queue == "sms"
        assert admin.task(mail[5][-9:]).id == mail[5]
        assert admin.counts(where("all")) == {TaskState.PENDING: 600, TaskState.DELAYED: 3}
        assert not admin.pause("mail", "ada")
        assert admin.move("run", where("all:sms"), by="ada").moved == tuple(sms)
        assert admin.flush(where("mail"), by="ada", hard=True).moved == tuple(mail)
        assert admin.tell_worker("w-1-a", "stop").supervisor == row.supervisor
        assert admin.counts(where("all")) == {TaskState.PENDING: 3}


def test_a_connection_is_read_only_if_its_configuration_says_so(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIQ_READ_ONLY", "1")

    with connect(redis_url) as admin:
        assert admin.access.is_read_only


def test_ids_are_dated_also_where_old_tasks_overtake(desk: Desk) -> None:
    """With aging a place cannot be read from a score, so it is read from the task."""
    rig = desk.queue("mail")
    rig.set_policy(step=60_000)
    (first,) = desk.pending("mail", 1, priority=90)
    (second,) = desk.pending("mail", 1, priority=0)

    page = desk.admin.access.run(read_ids(desk.admin.access.space, "mail", "pending"))

    assert page.ids == (first, second)
    assert page.since_ms == (rig.now_ms, rig.now_ms)


def test_a_flush_with_aging_leaves_what_came_after(desk: Desk) -> None:
    rig = desk.queue("mail")
    rig.set_policy(step=60_000)
    old = desk.pending("mail", 3, priority=90)
    rig.now_ms += DAY_MS
    new = desk.pending("mail", 2, priority=0)

    report = desk.admin.flush(where("mail"), by="ada")

    assert report.moved == tuple(old)
    assert rig.ids("pending") == new


def test_the_operator_api_starts_without_the_heavy_libraries() -> None:
    code = "import sys, rediq_core.admin; print(' '.join(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"pydantic", "textual", "rich", "typer", "croniter", "prometheus_client"}
    assert set(ended.stdout.split()) & heavy == set()
