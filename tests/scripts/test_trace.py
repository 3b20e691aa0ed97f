"""Every transition is an event while somebody follows, and only failures and acts otherwise."""

from __future__ import annotations

from rediq_core.model.task import Task
from tests.support.rig import Rig, completed, died, failed, released, snoozed


def events_of(rig: Rig) -> list[tuple[str, str, str]]:
    """Return (kind, id, worker or failure) of each event, oldest first."""
    rows = [row for _, row in rig.client.xrange(rig.key("events"))]
    return [
        (
            row[b"kind"].decode(),
            row[b"id"].decode(),
            (row.get(b"worker") or row.get(b"failure") or b"").decode(),
        )
        for row in rows
    ]


def follow(rig: Rig, ms: int = 60_000) -> None:
    rig.set_policy(trace_until=rig.now_ms + ms)


def play(rig: Rig) -> None:
    """Let six tasks go six ways."""
    rig.enqueue(*[Task("mail", id=f"t{n}") for n in range(4)])
    rig.enqueue(Task("mail", id="late", expires_in="1ms"), Task("mail", id="due", delay="1ms"))
    rig.advance(10)
    worker = rig.worker()
    first, second, third, fourth, *_ = worker.claim(6)
    worker.settle(completed(first), snoozed(second), released(third), failed(fourth))


def test_each_transition_of_a_followed_queue_is_an_event(rig: Rig) -> None:
    follow(rig, 600_000)

    play(rig)

    found = events_of(rig)
    assert {("enqueued", id_, "") for id_ in ("t0", "t3", "late", "due")} <= set(found)
    assert ("due", "due", "") in found
    assert ("expired", "late", "") in found
    assert ("started", "t0", "w#1") in found
    assert [kind for kind, id_, _ in found if id_ == "t0"] == ["enqueued", "started", "completed"]
    assert [kind for kind, id_, _ in found if id_ == "t1"] == ["enqueued", "started", "snoozed"]
    assert [kind for kind, id_, _ in found if id_ == "t2"] == ["enqueued", "started", "released"]
    assert ("retried", "t3", "f1|ValueError: no") in found
    assert len([1 for kind, id_, _ in found if id_ == "t3"]) == 3


def test_what_the_dead_held_is_an_event(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="a"))
    rig.worker().claim(1)
    follow(rig)

    rig.reap("w#1")

    assert events_of(rig) == [("lost", "a", "w#1")]


def test_a_queue_that_nobody_follows_notes_failures_alone(rig: Rig) -> None:
    follow(rig, -1)

    play(rig)
    rig.enqueue(Task("mail", id="bad", priority=0))
    worker = rig.worker("w#2")
    (bad,) = worker.claim(1)
    worker.settle(died(bad))

    assert events_of(rig) == [
        ("retried", "t3", "f1|ValueError: no"),
        ("dead", "bad", "f1|ValueError: no"),
    ]
