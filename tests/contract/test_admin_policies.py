"""Limits and groups through Admin and clients, on one server and on a Cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rediq_core import SyncClient, Task
from rediq_core.admin import Admin, connect
from rediq_core.errors import GroupNotFound, InvalidOption, QueueFull, QueueNotFound, Refused
from rediq_core.keys import minute_of
from rediq_core.model.groups import GroupRule
from rediq_core.model.limits import Limits, QueueLimits
from rediq_core.model.rates import Rate
from rediq_core.model.state import TaskState
from rediq_core.scripts.call import Space
from rediq_core.verbs.exchange import Asker, exchange
from rediq_core.verbs.groups import declare_groups
from rediq_core.verbs.limits import declare_limits
from tests.support.desk import NAMESPACE
from tests.support.rig import RETENTION
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("redis_client")


@pytest.fixture(params=["redis_url", pytest.param("cluster_url", marks=pytest.mark.cluster)])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def admin(url: str) -> Iterator[Admin]:
    with connect(url, namespace=NAMESPACE) as admin:
        yield admin


@pytest.fixture
def client(url: str) -> Iterator[SyncClient]:
    with SyncClient(url, namespace=NAMESPACE) as client:
        yield client


def member(group: str = "g", queue: str = "mail") -> Task[object]:
    return Task("batch", queue=queue, group=group)


def test_limits_are_overridden_and_reset(admin: Admin, client: SyncClient) -> None:
    client.enqueue(Task("m", queue="pay"))
    declared = Limits(concurrency=20, rate=Rate(100, 60_000))
    admin.access.run(declare_limits(Space(NAMESPACE), "pay", declared, by="w"))

    limits = admin.limit("pay", by="ada@host", concurrency=3, max_len="1")

    live = declared._replace(concurrency=3, max_len=1)
    assert limits == QueueLimits(live, declared, frozenset({"concurrency", "max_len"}))
    assert admin.limits("pay") == admin.queue("pay").limits == limits
    with pytest.raises(QueueFull):
        client.enqueue(Task("m", queue="pay"))
    assert admin.reset_limits("pay", by="ada@host").live == declared


def test_aging_changes_the_order_of_what_is_pending(admin: Admin, client: SyncClient) -> None:
    old = client.enqueue_many([Task("m", queue="pay", priority=60) for _ in range(1_200)])
    later_ms = admin.access.now_ms() + 20
    wait_until(lambda: admin.access.now_ms() > later_ms, "it is 20 ms later")
    new = client.enqueue(Task("m", queue="pay", priority=50))
    assert admin.page("pay", "pending").tasks[0].id == new

    admin.limit("pay", by="ada@host", aging="1ms")

    assert admin.page("pay", "pending").tasks[0].id == old[0]
    assert admin.reset_limits("pay", ["aging"], by="ada@host").live == Limits()
    assert admin.page("pay", "pending").tasks[0].id == new


def test_what_cannot_be_limited_is_refused(admin: Admin, client: SyncClient, url: str) -> None:
    client.enqueue(Task("m", queue="pay"))
    with pytest.raises(QueueNotFound):
        admin.limit("nope", by="ada@host", concurrency=3)
    with pytest.raises(InvalidOption):
        admin.limit("pay", by="ada@host")
    with pytest.raises(InvalidOption):
        admin.reset_limits("pay", ["weight"], by="ada@host")
    with connect(url, namespace=NAMESPACE, is_read_only=True) as reader:
        with pytest.raises(Refused):
            reader.limit("pay", by="ada@host", concurrency=3)
        with pytest.raises(Refused):
            reader.reset_limits("pay", by="ada@host")
        with pytest.raises(Refused):
            reader.run_group("pay/batch/g", "ada@host")


def test_groups_are_listed_seen_and_run(admin: Admin, client: SyncClient) -> None:
    rule = GroupRule(2, 60_000, 300_000)
    admin.access.run(declare_groups(Space(NAMESPACE), "mail", {"batch": rule}))
    first = client.enqueue(member("collects"))
    client.enqueue_many([member("ripe"), member("ripe"), member("other", "post")])

    names = [(group.name, group.size, group.is_ripe) for group in admin.groups()]
    assert names == [
        ("mail/batch/collects", 1, False),
        ("mail/batch/ripe", 2, True),
        ("post/batch/other", 1, False),
    ]
    assert [group.queue for group in admin.groups(["post"])] == ["post"]
    assert len(admin.groups(limit=1)) == 1
    group = admin.group("mail/batch/collects")
    assert (group.first_id, group.rule, group.is_declared) == (first, rule, True)
    assert 0 < group.due_ms - group.at_ms <= 60_000

    assert admin.run_group("mail/batch/collects", "ada@host") == 1
    assert admin.task(first).state is TaskState.PENDING
    assert admin.group("mail/batch/collects").is_ripe


def test_a_group_that_is_not_there_is_told_from_a_name_that_is_none(
    admin: Admin, client: SyncClient
) -> None:
    client.enqueue(Task("m", queue="mail"))
    for deed in (admin.group, lambda name: admin.run_group(name, "ada@host")):
        with pytest.raises(GroupNotFound):
            deed("mail/batch/nope")
        with pytest.raises(QueueNotFound):
            deed("nope/batch/g")
        for name in ("mail/batch", "mail", "a/b/c/d", "mail/ba tch/g", ""):
            with pytest.raises(InvalidOption):
                deed(name)


def test_a_claim_takes_a_group_in_every_topology(admin: Admin, client: SyncClient) -> None:
    space = Space(NAMESPACE)
    admin.access.run(declare_groups(space, "mail", {"batch": GroupRule(3, 60_000, 300_000)}))
    ids = client.enqueue_many([member() for _ in range(3)])

    asker = Asker(space, "mail", "w#1", 10_000, RETENTION)
    minute = minute_of(admin.access.now_ms())
    reply = admin.access.run(exchange(asker, 1, 1, minute=minute, is_first=True))

    assert sorted(task.id for task in reply.claimed) == sorted(ids)
