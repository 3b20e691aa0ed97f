"""A producer or relay that is killed between any two of its calls leaves nothing behind for ever.

Each is stopped after its first, second, … request. Then the sweep comes, and everybody who waits
has been told, once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from rediq_core.model.task import Task
from rediq_core.verbs.dependencies import Edge, News, take_edges, tell
from tests.support.family_rig import FamilyRig
from tests.support.interrupt import run_broken
from tests.support.rig import completed, died

# More requests than the longest of these needs.
MOST = 12


@pytest.fixture
def family(redis_url: str, redis_client: redis.Redis) -> Iterator[FamilyRig]:
    rig = FamilyRig(redis_url, redis_client)
    yield rig
    rig.close()


def settle(family: FamilyRig, queue: str, outcome: object = completed) -> list[str]:
    """Run everything pending in a queue; returns the parents whose children must be told."""
    worker = family[queue].worker(f"w{family.now_ms}#1")
    claimed = worker.claim(50)
    reply = worker.settle(*[outcome(task) for task in claimed])  # type: ignore[operator]  # one of rig's outcomes
    family.advance(1)
    return reply.deliver


def starts(family: FamilyRig, queue: str) -> dict[str, int]:
    """Return how often each task of a queue was run, running what is pending."""
    counted: dict[str, int] = {}
    for life in range(3):
        worker = family[queue].worker(f"count{life}#1")
        claimed = worker.claim(50)
        for task in claimed:
            counted[task.id] = counted.get(task.id, 0) + 1
        worker.settle(*[completed(task) for task in claimed])
    return counted


def wide_family(family: FamilyRig) -> tuple[Task[object], list[Task[object]]]:
    """A parent, children in two queues, and a grandchild of each."""
    parent: Task[object] = Task("make", id="p", queue="p")
    children: list[Task[object]] = [
        Task("use", id=f"c{number}", queue=f"c{number % 2}", depends_on=parent)
        for number in range(4)
    ]
    grandchildren: list[Task[object]] = [
        Task("use", id=f"g{number}", queue="g", depends_on=each)
        for number, each in enumerate(children)
    ]
    family.enqueue(parent, *children, *grandchildren)
    return parent, [*children, *grandchildren]


@pytest.mark.parametrize("calls", range(MOST))
@pytest.mark.parametrize("outcome", [completed, died])
def test_a_relay_killed_between_any_two_calls(
    family: FamilyRig, outcome: object, calls: int
) -> None:
    _, tasks = wide_family(family)
    parents = settle(family, "p", outcome)

    family.walk(family.relaying("p", *parents), calls)

    family.advance(61_000)
    for _ in range(3):
        family.sweep()
        family.advance(61_000)
    if outcome is died:
        assert {family.state(task) for task in tasks} == {"dead"}
        assert family.leftovers() == {}
        return
    assert {family.state(task) for task in tasks[:4]} == {"pending"}
    assert {family.state(task) for task in tasks[4:]} == {"waiting"}
    counted = starts(family, "c0") | starts(family, "c1")
    assert counted == {f"c{number}": 1 for number in range(4)}


@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("others", range(4))
def test_two_relays_at_once_tell_each_child_once(
    family: FamilyRig, calls: int, others: int
) -> None:
    _, tasks = wide_family(family)
    parents = settle(family, "p")
    one, two = family.relaying("p", *parents), family.relaying("p", *parents)
    pending = {1: next(one), 2: next(two)}
    replies = {1: family.answer(pending[1]), 2: family.answer(pending[2])}

    # One goes on a few calls ahead, then the other one, then both to their ends.
    for steps, number, turns in ((one, 1, calls), (two, 2, others), (one, 1, MOST), (two, 2, MOST)):
        for _ in range(turns):
            try:
                replies[number] = family.answer(steps.send(replies[number]))
            except StopIteration:
                break

    assert {family.state(task) for task in tasks[:4]} == {"pending"}
    counted = starts(family, "c0") | starts(family, "c1")
    assert counted == {f"c{number}": 1 for number in range(4)}
    assert family["c0"].hash("outcomes")[">p"] == "2"


@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_producer_killed_before_it_wrote_the_child(
    family: FamilyRig, calls: int, moment: str
) -> None:
    done: Task[object] = Task("make", id="done", queue="p")
    open_: Task[object] = Task("make", id="open", queue="o")
    family.enqueue(done, open_)
    settle(family, "p")
    child: Task[object] = Task("use", id="c", queue="c", depends_on=[done, open_])

    family.walk(family.meeting(child), calls)

    if moment == "before":
        family.relay("o", settle(family, "o"))
    family.enqueue(child)
    if moment == "after":
        assert family.state(child) == "waiting"
        family.relay("o", settle(family, "o"))
    assert family.state(child) == "pending"
    assert starts(family, "c") == {"c": 1}
    assert family.leftovers() == {}


def test_what_was_left_for_a_child_that_never_came_goes_after_ten_minutes(
    family: FamilyRig,
) -> None:
    parent: Task[object] = Task("make", id="p", queue="p")
    family.enqueue(parent)
    family.drive(family.meeting(Task("use", id="c", queue="c", depends_on=parent)))
    family["c"].enqueue(Task("other", id="x", queue="c"))
    family.relay("p", settle(family, "p"))
    assert family["c"].ids("early") == ["c>p"]

    family.advance(599_000)
    family.sweep()
    kept = family["c"].ids("early")
    family.advance(2_000)
    family.sweep()

    assert kept == ["c>p"]
    assert (family["c"].ids("early"), family["c"].hash("outcomes")) == ([], {})


def test_what_is_left_in_a_queue_that_is_not_there_goes_by_itself(family: FamilyRig) -> None:
    parent: Task[object] = Task("make", id="p", queue="p")
    family.enqueue(parent)
    child: Task[object] = Task("use", id="c", queue="c", depends_on=parent)
    family.drive(family.meeting(child))
    family.relay("p", settle(family, "p"))
    keys = [family["c"].key(name) for name in ("early", "outcomes")]
    assert all(0 < family.client.ttl(key) <= 900 for key in keys)

    family["c"].enqueue(child)

    assert family.state(child) == "pending"
    assert family.client.ttl(keys[1]) == -1


@pytest.mark.parametrize("lost", ["edge", "parent", "need"])
def test_a_task_that_waits_for_what_was_lost_is_found(family: FamilyRig, lost: str) -> None:
    parent: Task[object] = Task("make", id="p", queue="p")
    child: Task[object] = Task("use", id="c", queue="c", depends_on=parent)
    family.enqueue(parent, child)
    if lost == "need":
        family.client.zrem(family["c"].key("needs"), "c>p")
    else:
        family.client.zrem(family["p"].key("dependents"), "p>c/c")
    if lost == "parent":
        family.client.hdel(family["p"].key("tasks"), "p")

    family.advance(61_000)
    family.sweep()

    if lost == "edge":
        assert family.state(child) == "waiting"
        family.relay("p", settle(family, "p"))
    assert family.state(child) == ("dead" if lost == "parent" else "pending")


def test_a_parent_that_is_gone_counts_as_completed_for_whom_it_may(family: FamilyRig) -> None:
    parent: Task[object] = Task("make", id="p", queue="p")
    child: Task[object] = Task(
        "use", id="c", queue="c", depends_on=parent, on_missing_dependency="run"
    )
    family.enqueue(parent, child)
    family.client.delete(family["p"].key("tasks"), family["p"].key("dependents"))

    family.advance(61_000)
    family.sweep()

    assert family.state(child) == "pending"


def test_the_sweep_looks_at_all_that_wait_part_by_part(family: FamilyRig) -> None:
    parent: Task[object] = Task("make", id="p", queue="p")
    children: list[Task[object]] = [
        Task("use", id=f"c{number:04}", queue="c", depends_on=parent) for number in range(450)
    ]
    family.enqueue(parent)
    family["c"].enqueue(*children)

    family.advance(61_000)
    family.sweep()

    assert len(family["p"].ids("dependents")) == 450
    family.relay("p", settle(family, "p"))
    assert len(family["c"].ids("pending")) == 450


@pytest.mark.parametrize("letter", ["c", "d"])
def test_a_broken_delivery_is_completed_by_a_repeat(family: FamilyRig, letter: str) -> None:
    for write in range(1, 60):
        family.client.flushall()
        rig = family["c"]
        rig.enqueue(Task("use", id="c", depends_on=["p", "q"], unique_key="k"))
        rig.executor.run(
            tell(rig.space, "c", [News("o", Edge("q", "c", "c"), b"c|make|1")], minute=rig.minute)
        )
        outcome = f"{letter}|make|".encode()
        call = tell(rig.space, "c", [News("o", Edge("p", "c", "c"), outcome)], minute=rig.minute)
        broken_at = run_broken(family.client, call, write)
        if broken_at is None:
            assert write > 6
            return

        told = rig.executor.run(call)

        where = f"broken before write {write}, {broken_at}"
        assert rig.places("c") == ["pending" if letter == "c" else "dead"], where
        assert rig.ids("needs") == ["/c>p", "/c>q"], where
        assert told.codes == ("t" if letter == "c" else "v"), where
        assert (rig.hash("unique") == {}) == (letter == "d"), where
    pytest.fail("more writes than expected")


def test_a_broken_taking_up_is_completed_by_a_repeat(family: FamilyRig) -> None:
    for write in range(1, 60):
        family.client.flushall()
        rig = family["c"]
        rig.enqueue(Task("use", id="c", depends_on="p", unique_key="k"))
        news = [News("o", Edge("p", "c", "c"), b"d|make|")]
        rig.executor.run(tell(rig.space, "c", news, minute=rig.minute))
        call = tell(rig.space, "c", [News("r", Edge("p", "c", "c"), b"")], minute=rig.minute)
        broken_at = run_broken(family.client, call, write)
        if broken_at is None:
            assert write > 6
            return

        rig.executor.run(call)

        where = f"broken before write {write}, {broken_at}"
        assert rig.places("c") == ["waiting"], where
        assert rig.ids("needs") == ["c>p"], where
        assert rig.hash("causes") == {}, where
    pytest.fail("more writes than expected")


def test_broken_bookkeeping_of_a_parent_is_completed_by_a_repeat(family: FamilyRig) -> None:
    for write in range(1, 20):
        family.client.flushall()
        rig = family["p"]
        rig.enqueue(Task("make", id="p"))
        rig.client.zadd(rig.key("dependents"), {"p>c/c1": 0, "p>c/c2": 0})
        settle(family, "p")
        told = [("t", Edge("p", "c", "c1")), ("v", Edge("p", "c", "c2"))]
        call = take_edges(rig.space, "p", "p", told)
        broken_at = run_broken(family.client, call, write)
        if broken_at is None:
            assert write > 3
            return

        rig.executor.run(call)
        # It completed, so what died of it by mistake is given out to be taken up again.
        rig.executor.run(take_edges(rig.space, "p", "p", [("b", Edge("p", "c", "c2"))]))

        assert "/p>c/c1" in rig.ids("dependents"), f"broken before write {write}, {broken_at}"
        assert ">p>c/c2" not in rig.ids("dependents")
    pytest.fail("more writes than expected")
