"""Events: the newest, then what comes, of the queues and tasks that were asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from rediq_core.admin import Admin, Event
from rediq_core.errors import QueueNotFound, TaskNotFound
from rediq_core.keys import queue_key
from rediq_core.model.where import parse_where
from tests.support.desk import NAMESPACE, Desk
from tests.support.rig import completed
from tests.support.servers import Cluster


@pytest.fixture
def desk(redis_url: str, redis_client: redis.Redis) -> Iterator[Desk]:
    with Desk(redis_url, redis_client) as desk:
        yield desk


def told(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(event.queue, event.kind, event.task_id) for event in events]


def test_the_latest_events_of_all_queues_are_merged_by_time(desk: Desk) -> None:
    (bad,) = desk.dead("mail", 1)
    (worse,) = desk.retry("video", 1)
    desk.admin.pause("mail", "ada@host", "bank is down")
    desk.admin.move("delete", [bad], by="bob@host", reason="old")

    found = desk.admin.events(parse_where(["all"])).latest(10)

    assert sorted(told(found)) == [
        ("mail", "dead", bad),
        ("mail", "delete", bad),
        ("mail", "pause", ""),
        ("video", "retried", worse),
    ]
    assert [event.at_ms for event in found] == sorted(event.at_ms for event in found)
    by_kind = {event.kind: event for event in found}
    dead, retried, paused, deleted = (
        by_kind[kind] for kind in ("dead", "retried", "pause", "delete")
    )
    assert (dead.task_type, dead.detail) == ("mail", "ValueError: no")
    assert retried.at_ms <= paused.at_ms <= deleted.at_ms
    assert paused.by == "ada@host"
    assert (deleted.by, deleted.detail, deleted.count) == ("bob@host", "old", 1)


def test_a_limit_keeps_the_newest(desk: Desk) -> None:
    *_, last = desk.dead("mail", 5)

    found = desk.admin.events(parse_where(["mail"])).latest(1)

    assert len(found) == 1
    assert found[0].task_id == last


def test_one_queue_one_state_one_task_or_a_term(desk: Desk) -> None:
    mail, other = desk.dead("mail", 2)
    (video,) = desk.dead("video", 1, type="video")
    desk.admin.move("retry", [other], by="ada@host")

    def ids(text: str) -> set[str]:
        events = desk.admin.events(parse_where(text.split())).latest(20)
        return {event.task_id for event in events}

    assert ids("video") == {video}
    assert ids("type:video") == {video}
    assert ids("dead:mail") == {mail}
    assert ids(mail) == {mail}
    assert ids(mail[-8:]) == {mail}


def test_more_gives_what_came_since_once(desk: Desk) -> None:
    desk.dead("mail", 1)
    reader = desk.admin.events(parse_where(["all"]))
    reader.latest(10)

    (new,) = desk.dead("late", 1)

    assert told(reader.more()) == [("late", "dead", new)]
    assert reader.more() == []


def test_following_makes_every_transition_an_event(desk: Desk) -> None:
    rig = desk.queue("mail")
    desk.pending("mail", 1)
    reader = desk.admin.events(parse_where(["mail"]))
    reader.latest(1)
    assert reader.keep_tracing()

    (task_id,) = desk.pending("mail", 1)
    worker = rig.worker()
    for task in worker.claim(2):
        worker.settle(completed(task))

    kinds = [event.kind for event in reader.more() if event.task_id == task_id]
    assert kinds == ["enqueued", "started", "completed"]
    until_ms = int(desk.client.hget(rig.key("policy"), "trace_until") or 0)
    assert 0 < until_ms - desk.server_ms() <= 30_000


def test_a_reader_that_may_not_write_follows_what_is_noted_anyway(desk: Desk) -> None:
    desk.dead("mail", 1)
    before = desk.everything()
    admin = Admin(desk.admin.access.executor, NAMESPACE, is_read_only=True)
    reader = admin.events(parse_where(["all"]))

    assert not reader.keep_tracing()
    assert [event.kind for event in reader.latest(5)] == ["dead"]
    assert desk.everything() == before


def test_following_makes_no_key_for_a_queue_that_is_gone(desk: Desk) -> None:
    desk.queue("empty")

    desk.admin.events(parse_where(["empty"])).keep_tracing()

    assert desk.client.exists(queue_key(NAMESPACE, "empty", "policy")) == 0


def test_what_somebody_else_wrote_into_the_stream_is_shown_as_it_is(desk: Desk) -> None:
    desk.client.xadd(desk.queue("mail").key("events"), {b"by": b"{broken", b"count": b"many"})

    (event,) = desk.admin.events(parse_where(["mail"])).latest(5)

    assert (event.kind, event.by, event.count) == ("?", "", 0)


def test_a_queue_or_a_task_that_is_not_there(desk: Desk) -> None:
    desk.queue("payment")

    with pytest.raises(QueueNotFound):
        desk.admin.events(parse_where(["paymnt"])).latest(1)
    with pytest.raises(TaskNotFound):
        desk.admin.events(parse_where(["01KG7Q5ZC4M9X8W2T6R3PBVN1A"])).latest(1)


@pytest.mark.cluster
def test_queues_of_a_cluster_are_merged(cluster_server: Cluster, cluster_url: str) -> None:
    client = cluster_server.masters[0].client()
    with Desk(cluster_url, client) as desk:
        for name in ("a", "b", "c"):
            desk.dead(name, 1)
        reader = desk.admin.events(parse_where(["all"]))

        assert reader.keep_tracing()
        assert {event.queue for event in reader.latest(9)} == {"a", "b", "c"}
        assert reader.more() == []
    client.close()
