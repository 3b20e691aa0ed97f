"""Examine finds each planted inconsistency, and repair mends it without losing a promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rediq_core.model.task import Task
from rediq_core.verbs.examine import PARTS, examine, repair
from rediq_core.verbs.moves import MoveVerb
from tests.support.catalogue import Lively
from tests.support.rig import Rig, completed, failed

Plant = Callable[[Rig], object]


def faults_of(rig: Rig) -> dict[str, dict[str, str]]:
    """Return what is wrong, by part, found in pieces of two."""
    found: dict[str, dict[str, str]] = {}
    for part in PARTS:
        cursor = ""
        while True:
            piece = rig.executor.run(examine(rig.space, rig.queue, part, cursor=cursor, limit=2))
            found.setdefault(part, {}).update(piece.faults)
            cursor = piece.cursor
            if not cursor:
                break
    return {part: faults for part, faults in found.items() if faults}


def mend(rig: Rig) -> dict[str, str]:
    """Repair everything that is wrong; the word for each member."""
    words: dict[str, str] = {}
    for part, faults in faults_of(rig).items():
        call = repair(rig.space, rig.queue, part, list(faults), by="ada@host")
        words.update(zip(faults, rig.executor.run(call), strict=True))
    return words


def zadd(name: str, member: str, score: float = 1) -> Plant:
    return lambda rig: rig.client.zadd(rig.key(name), {member: score})


def hset(name: str, field: str, value: str) -> Plant:
    return lambda rig: rig.client.hset(rig.key(name), field, value)


def zrem(name: str, member: str) -> Plant:
    return lambda rig: rig.client.zrem(rig.key(name), member)


def hdel(name: str, field: str) -> Plant:
    return lambda rig: rig.client.hdel(rig.key(name), field)


def strand(rig: Rig) -> None:
    rig.client.zrem(rig.key("pending"), "ready")
    rig.client.zadd(rig.key("waiting"), {"ready": 1})


@pytest.fixture
def queue(rig: Rig) -> Rig:
    """One sound task in each of the states that a fault is planted beside."""
    worker = rig.worker()
    rig.enqueue(Task("mail", id="done", unique_key="k-done"), Task("mail", id="failing"))
    done, failing = worker.claim(2)
    worker.settle(completed(done), failed(failing, 60_000), is_last=True)
    rig.enqueue(Task("mail", id="running", unique_key="k-run"))
    rig.worker("w#2").claim(1)
    rig.enqueue(Task("mail", id="ready"), Task("mail", id="later", delay="1h"))
    rig.enqueue(Task("mail", id="gone"))
    rig.move(MoveVerb.DELETE, "gone")
    return rig


def test_a_sound_queue_has_no_fault(queue: Rig) -> None:
    assert faults_of(queue) == {}


def test_a_queue_with_everything_in_it_has_no_fault(rig: Rig) -> None:
    lively = Lively(rig)
    rig.client.delete(rig.key("dependents"), rig.key("outbox"))

    assert lively.places()
    assert faults_of(rig) == {}


MENDABLE = [
    ("pending", "ghost", "orphan", zadd("pending", "ghost")),
    ("dead", "ghost", "orphan", zadd("dead", "ghost")),
    ("waiting", "ghost", "orphan", zadd("waiting", "ghost")),
    ("held", "mail>ghost", "orphan", zadd("held", "mail>ghost")),
    ("held", "odd>ready", "orphan", zadd("held", "odd>ready")),
    ("trash", "ghost", "orphan", zadd("trash", "ghost")),
    ("tasks", "ready", "homeless", zrem("pending", "ready")),
    ("tasks", "ready", "double", zadd("dead", "ready")),
    ("tasks", "running", "double", zadd("pending", "running")),
    ("tasks", "done", "double", zadd("pending", "done")),
    ("claims", "ready", "leftover", hset("claims", "ready", "w#1:9")),
    ("progress", "ready", "leftover", hset("progress", "ready", "1|1|x")),
    ("cancels", "ghost", "leftover", hset("cancels", "ghost", "{}")),
    ("runs", "ghost", "leftover", hset("runs", "ghost", "{}")),
    ("tries", "ghost", "leftover", hset("tries", "ghost", "1|0|0")),
    ("kept", "ghost", "leftover", zadd("kept", "ghost")),
    ("trashed", "ready", "leftover", hset("trashed", "ready", "pending|0||")),
    ("trash", "gone", "unlisted", hdel("trashed", "gone")),
    ("unique", "k-ghost", "stale", hset("unique", "k-ghost", "ghost|0")),
    ("unique", "k-done", "stale", hset("unique", "k-done", "done|0")),
    ("causes", "ghost", "leftover", hset("causes", "ghost", "f9")),
    ("causes", "failing", "unlisted", zrem("errors", "f1>failing")),
    ("errors", "f9>ready", "leftover", zadd("errors", "f9>ready")),
    ("outbox", "ghost", "leftover", zadd("outbox", "ghost")),
    ("counters", "enqueued", "drift", hset("counters", "enqueued", "1")),
    ("counters", "completed", "unreadable", hset("counters", "completed", "many")),
    ("policy", "concurrency", "unreadable", hset("policy", "concurrency", "lots")),
]


@pytest.mark.parametrize(
    ("part", "member", "fault", "plant"),
    MENDABLE,
    ids=[f"{part} {member} {fault}" for part, member, fault, _ in MENDABLE],
)
def test_a_planted_fault_is_found_and_mended_and_nothing_else_changes(
    part: str, member: str, fault: str, plant: Plant, queue: Rig
) -> None:
    states = {id_: queue.places(id_) for id_ in ("done", "failing", "running", "later", "gone")}
    plant(queue)

    found = faults_of(queue)
    assert found[part][member] == fault

    words = mend(queue)
    assert words[member] == "mended"
    assert set(words.values()) <= {"mended", "sound"}
    assert faults_of(queue) == {}
    assert {id_: queue.places(id_) for id_ in states} == states
    audit = queue.client.xrange(queue.key("audit"))
    assert audit[-1][1][b"verb"] == b"repair"
    assert b"ada@host" in audit[-1][1][b"by"]


def test_a_task_that_is_nowhere_runs_again_in_its_old_place(queue: Rig) -> None:
    before = queue.scores("pending")
    queue.client.zrem(queue.key("pending"), "ready")

    mend(queue)

    assert queue.scores("pending") == before
    assert queue.task("ready").timeline[-1].kind == "repaired"
    assert queue.take_wake() == 1


def test_a_task_that_is_nowhere_does_not_run_before_it_is_due(queue: Rig) -> None:
    before = queue.scores("delayed")
    queue.client.zrem(queue.key("delayed"), "later")

    mend(queue)

    assert queue.scores("delayed") == before


def test_a_completed_task_that_is_nowhere_does_not_run_again(queue: Rig) -> None:
    queue.client.zrem(queue.key("completed"), "done")

    mend(queue)

    assert queue.places("done") == ["completed"]


def test_of_two_places_the_one_that_promises_a_run_is_kept(queue: Rig) -> None:
    queue.client.zadd(queue.key("dead"), {"ready": 1, "running": 1})
    queue.client.zadd(queue.key("completed"), {"later": 1})

    mend(queue)

    places = {id_: queue.places(id_) for id_ in ("ready", "running", "later")}
    assert places == {"ready": ["pending"], "running": ["active"], "later": ["delayed"]}


def test_a_task_that_collects_in_no_group_joins_it_again(queue: Rig) -> None:
    queue.enqueue(Task("mail", id="one", group="daily"))
    queue.client.delete(queue.key("groups"), queue.key("groups_due"))

    assert faults_of(queue) == {"waiting": {"one": "ungrouped"}}
    assert mend(queue) == {"one": "mended"}
    assert faults_of(queue) == {}
    assert len(queue.ids("groups")) == 1
    assert len(queue.ids("groups_due")) == 2


def collecting(rig: Rig) -> Rig:
    """Two members of a group that collects, and a ripe group of two with its head in pending."""
    rig.set_policy(**{"group:mail": "10|30000|300000", "group:post": "2|30000|300000"})
    rig.enqueue(*(Task("mail", id=f"m{n}", group="daily") for n in (1, 2)))
    rig.enqueue(*(Task("post", id=f"p{n}", group="daily") for n in (1, 2)))
    assert (rig.ids("pending"), rig.ids("waiting")) == (["p1"], ["m1", "m2", "p2"])
    return rig


def in_line(rig: Rig, task_id: str) -> str:
    (member,) = [each for each in rig.ids("groups") if each.endswith(f">{task_id}")]
    return member


def zrem_line(task_id: str) -> Plant:
    return lambda rig: rig.client.zrem(rig.key("groups"), in_line(rig, task_id))


def forget_times(name: str) -> Plant:
    return lambda rig: rig.client.zrem(rig.key("groups_due"), name, f"{name}<")


def lose_head(rig: Rig) -> None:
    rig.client.zrem(rig.key("pending"), "p1")
    rig.client.zadd(rig.key("waiting"), {"p1": rig.now_ms})


def end_member(rig: Rig) -> None:
    rig.client.zrem(rig.key("waiting"), "m1")
    rig.client.zadd(rig.key("cancelled"), {"m1": rig.now_ms})


GROUP_FAULTS: dict[str, tuple[str, str, Plant]] = {
    "a row of no task": ("groups", "leftover", zadd("groups", f"mail/daily>{9:016}>ghost", 0)),
    "a row of a task without a group": (
        ("groups", "leftover", zadd("groups", f"mail/daily>{9:016}>solo", 0))
    ),
    "a row of a task that is over": ("groups", "leftover", end_member),
    "a row that cannot be read": ("groups", "leftover", zadd("groups", "rubbish", 0)),
    "a time of no group": ("groups_due", "leftover", zadd("groups_due", "mail/none", 5)),
    "a longest time of no group": ("groups_due", "leftover", zadd("groups_due", "mail/none<", 5)),
    "a collecting group without a time": ("groups", "timeless", forget_times("mail/daily")),
    "a ripe group without a time": ("groups", "timeless", forget_times("post/daily")),
    "a ripe group without a head": ("groups_due", "headless", lose_head),
    "a member that is not in line": ("waiting", "ungrouped", zrem_line("m1")),
}


def test_groups_that_collect_and_that_are_ripe_have_no_fault(rig: Rig) -> None:
    assert faults_of(collecting(rig)) == {}


@pytest.mark.parametrize("name", GROUP_FAULTS)
def test_a_fault_of_a_group_is_found_and_mended_and_every_member_still_runs(
    name: str, rig: Rig
) -> None:
    part, fault, plant = GROUP_FAULTS[name]
    collecting(rig).enqueue(Task("mail", id="solo"))
    plant(rig)

    assert fault in faults_of(rig)[part].values()
    assert set(mend(rig).values()) <= {"mended", "sound"}
    mend(rig)  # what the first repair uncovered

    assert faults_of(rig) == {}
    rig.advance(400_000)
    ran = {task.id for _ in range(4) for task in rig.worker().claim(10)}
    assert ran == {"m1", "m2", "p1", "p2", "solo"} - ({"m1"} if plant is end_member else set())


@pytest.mark.parametrize(
    ("part", "member", "fault", "plant"),
    [
        ("active", "running", "unclaimed", hdel("claims", "running")),
        ("active", "running", "unleased", zrem("leases", "w#2")),
        ("active", "running", "expired", zadd("leases", "w#2", 5)),
        ("leases", "w#9", "expired", zadd("leases", "w#9", 5)),
        ("tasks", "ready", "damaged", hset("tasks", "ready", "rubbish")),
        ("waiting", "ready", "stranded", strand),
    ],
)
def test_what_others_repair_is_found_and_left(
    part: str, member: str, fault: str, plant: Plant, queue: Rig
) -> None:
    plant(queue)

    assert faults_of(queue)[part][member] == fault
    assert mend(queue)[member] == fault


def test_what_healed_meanwhile_is_left_alone(queue: Rig) -> None:
    before = queue.dump()

    call = repair(queue.space, queue.queue, "tasks", ["ready", "running", "no"], by="ada@host")

    assert queue.executor.run(call) == ("sound", "sound", "sound")
    assert queue.dump() == before
