"""Groups in the scripts: collected, ripe, claimed together, settled one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rediq_core.model.groups import GroupRule
from rediq_core.model.task import Task
from rediq_core.verbs.groups import declare_groups, read_groups, run_group
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import (
    START_MS,
    Rig,
    completed,
    died,
    failed,
    ids_of,
    released,
    snoozed,
    unknown_type,
)

RULE = GroupRule(3, 1_000, 5_000)


@pytest.fixture(autouse=True)
def declared(rig: Rig) -> None:
    """The queue is registered, and a worker with a group handler for `mail` was there."""
    declare(rig, RULE)


def declare(rig: Rig, rule: GroupRule) -> None:
    rig.executor.run(declare_groups(rig.space, rig.queue, {"mail": rule}))


def member(name: str, group: str = "g", **options: object) -> Task[object]:
    return Task("mail", id=name, group=group, **options)  # type: ignore[arg-type]  # options of a Task


def put(rig: Rig, *names: str) -> None:
    rig.enqueue(*[member(name) for name in names])


def lines(rig: Rig) -> tuple[list[str], list[str]]:
    return rig.ids("pending"), rig.ids("waiting")


def dues(rig: Rig) -> dict[str, float]:
    return rig.scores("groups_due")


def test_members_wait_while_their_group_collects(rig: Rig) -> None:
    put(rig, "a", "b")

    assert lines(rig) == ([], ["a", "b"])
    assert dues(rig) == {"mail/g": START_MS + 1_000, "mail/g<": START_MS + 5_000}
    assert rig.worker().exchange(5).due_ms == START_MS + 1_000


def test_a_group_is_ripe_at_its_size(rig: Rig) -> None:
    put(rig, "a", "b")
    rig.take_wake()

    put(rig, "c")

    assert lines(rig) == (["a"], ["b", "c"])
    assert rig.take_wake() == 1


def test_a_group_is_ripe_a_grace_after_its_last_member(rig: Rig) -> None:
    worker = rig.worker()
    put(rig, "a")
    rig.advance(900)
    put(rig, "b")
    rig.advance(999)
    assert worker.claim(5) == []

    rig.advance(1)

    assert ids_of(worker.claim(5)) == ["a", "b"]


def test_a_group_is_ripe_when_its_first_member_waited_long(rig: Rig) -> None:
    declare(rig, GroupRule(100, 1_000, 5_000))
    worker = rig.worker()
    for number in range(6):
        rig.now_ms = START_MS + number * 900
        put(rig, f"m{number}")
        assert worker.claim(5) == []
    assert worker.exchange(5).due_ms == START_MS + 5_000

    rig.now_ms = START_MS + 5_000

    assert len(worker.claim(5)) == 6


def test_a_claim_takes_one_group_for_one_place_and_counts_no_more(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    rig.enqueue(Task("post", id="single"))

    claimed = rig.worker().claim(1)

    assert ids_of(claimed) == ["a", "b", "c"]
    assert len({task.token for task in claimed}) == 1
    assert set(rig.hash("claims")) == {"a", "b", "c"}
    assert lines(rig) == (["single"], [])
    assert (rig.ids("groups"), dues(rig)) == ([], {})


def test_a_group_runs_at_the_place_of_its_most_urgent_member(rig: Rig) -> None:
    rig.enqueue(member("slow", priority=90), Task("post", id="single", priority=50))
    rig.enqueue(member("mid", priority=60), member("urgent", priority=10))

    assert rig.ids("pending") == ["urgent", "single"]
    assert ids_of(rig.worker().claim(2)) == ["urgent", "mid", "slow", "single"]


def test_a_more_urgent_member_takes_the_lead_of_a_ripe_group(rig: Rig) -> None:
    put(rig, "a", "b", "c")

    rig.enqueue(member("urgent", priority=1))

    assert lines(rig) == (["urgent"], ["a", "b", "c"])
    assert ids_of(rig.worker().claim(1)) == ["urgent", "a", "b"]


def test_what_is_over_the_size_collects_again_for_what_it_has_not_waited(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    rig.advance(400)
    put(rig, "d")

    assert len(rig.worker().claim(1)) == 3

    assert lines(rig) == ([], ["d"])
    assert dues(rig) == {"mail/g": START_MS + 1_400, "mail/g<": START_MS + 5_400}


def test_what_is_over_the_size_and_waited_long_runs_at_once(rig: Rig) -> None:
    put(rig, *"abcd")
    rig.advance(1_000)
    worker = rig.worker()

    assert [len(worker.claim(1)), len(worker.claim(1))] == [3, 1]


def test_groups_of_other_names_and_types_are_apart(rig: Rig) -> None:
    rig.enqueue(member("a", "g1"), member("b", "g2"), Task("post", id="c", group="g1"))

    assert set(dues(rig)) == {"mail/g1", "mail/g1<", "mail/g2", "mail/g2<", "post/g1", "post/g1<"}


def test_a_group_that_no_group_handler_declared_is_handed_out_one_by_one(rig: Rig) -> None:
    rig.enqueue(*[Task("post", id=name, group="g") for name in "ab"])
    rig.advance(30_000)
    worker = rig.worker()

    assert [ids_of(worker.claim(1)), ids_of(worker.claim(1))] == [["a"], ["b"]]


def test_each_member_settles_alone(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    worker = rig.worker()
    a, b, c = worker.claim(1)

    reply = worker.settle(completed(a), failed(b, 2_000), died(c))

    assert reply.codes == b"111"
    assert [rig.places(name) for name in "abc"] == [["completed"], ["retry"], ["dead"]]


def test_a_failed_member_goes_back_to_its_group_after_its_backoff(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    worker = rig.worker()
    a, b, c = worker.claim(1)
    worker.settle(completed(a), failed(b, 2_000), completed(c))
    rig.advance(2_000)
    put(rig, "d")

    assert worker.exchange(5).claimed == []
    assert lines(rig) == ([], ["b", "d"])
    rig.advance(1_000)
    assert [(task.id, task.attempt) for task in worker.claim(1)] == [("b", 2), ("d", 1)]


@pytest.mark.parametrize("settle", [released, snoozed])
def test_members_that_are_handed_back_come_again_together(rig: Rig, settle: object) -> None:
    assert callable(settle)
    put(rig, "a", "b", "c")
    worker = rig.worker()

    worker.settle(*[settle(task) for task in worker.claim(1)])
    rig.advance(2_000)

    assert ids_of(worker.claim(1)) == ["a", "b", "c"]


def test_members_of_a_lost_worker_come_again_together_at_once(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    rig.worker("w#1").claim(1)

    rig.reap("w#1")

    assert [(t.id, t.losses) for t in rig.worker("w#2").claim(1)] == [("a", 1), ("b", 1), ("c", 1)]


def test_members_lost_twice_are_suspects_and_run_alone(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    for name in ("w#1", "w#2"):
        rig.worker(name).claim(1)
        rig.reap(name)

    assert rig.ids("suspects") == ["a", "b", "c"]
    assert ids_of(rig.worker("w#3").claim(5, is_solo=True)) == ["a"]


def test_members_of_an_unknown_type_are_held_and_come_back(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    worker = rig.worker()
    worker.settle(*[unknown_type(task) for task in worker.claim(1)])
    assert rig.view().held == 3

    assert ids_of(worker.claim(5, types="mail")) == ["a", "b", "c"]


def test_a_repeated_claim_returns_the_same_members(rig: Rig) -> None:
    put(rig, *"abcd")
    worker = rig.worker()
    claimed = worker.claim(1)
    before = rig.dump()

    again = worker.again(1)

    assert ids_of(again.claimed) == ids_of(claimed)
    assert rig.dump() == before


@pytest.mark.parametrize("verb", [MoveVerb.CANCEL, MoveVerb.DELETE])
def test_when_the_head_of_a_ripe_group_goes_the_next_one_leads(rig: Rig, verb: MoveVerb) -> None:
    put(rig, "a", "b", "c")

    assert rig.move(verb, "a").words == ("moved",)

    assert lines(rig) == (["b"], ["c"])
    assert ids_of(rig.worker().claim(1)) == ["b", "c"]


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c")])
def test_nothing_is_left_of_a_group_that_is_flushed(rig: Rig, names: Sequence[str]) -> None:
    put(rig, *names)

    rig.move(MoveVerb.DELETE, *names)

    assert (lines(rig), rig.ids("groups"), dues(rig)) == (([], []), [], {})


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c")])
def test_what_is_restored_collects_again(rig: Rig, names: Sequence[str]) -> None:
    put(rig, *names)
    rig.move(MoveVerb.DELETE, *names)

    rig.move(MoveVerb.RESTORE, *names)

    assert len(rig.ids("groups")) == len(names)
    rig.advance(1_000)
    assert ids_of(rig.worker().claim(1)) == list(names)


def test_a_rescheduled_head_joins_again_when_it_is_due(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    rig.move(MoveVerb.RESCHEDULE, "a", due_ms=START_MS + 60_000)
    worker = rig.worker()
    assert ids_of(worker.claim(1)) == ["b", "c"]

    rig.advance(60_000)

    assert worker.claim(1) == []
    assert (rig.places("a"), rig.ids("groups")[0][-1:]) == (["waiting"], "a")


@pytest.mark.parametrize("verb", [MoveVerb.RETRY, MoveVerb.RUN])
def test_what_an_operator_sends_on_its_way_joins_its_group(rig: Rig, verb: MoveVerb) -> None:
    put(rig, "a", "b", "c")
    worker = rig.worker()
    a, b, c = worker.claim(1)
    worker.settle(failed(a, 60_000), completed(b), completed(c))

    rig.move(verb, "a")

    assert lines(rig) == ([], ["a"])
    rig.advance(1_000)
    assert ids_of(worker.claim(1)) == ["a"]


def test_a_replaced_owner_leaves_its_group(rig: Rig) -> None:
    rig.enqueue(member("a", unique_key="k"), member("b"), member("c"))

    rig.enqueue(member("d", unique_key="k", on_duplicate="replace"))

    assert (rig.places("a"), lines(rig)) == (["cancelled"], (["b"], ["c", "d"]))


def test_a_delayed_member_joins_when_it_is_due(rig: Rig) -> None:
    rig.enqueue(member("a", delay="10s"), member("b"))
    worker = rig.worker()
    assert lines(rig) == ([], ["b"])
    rig.advance(1_000)
    assert ids_of(worker.claim(1)) == ["b"]

    rig.advance(9_000)

    assert worker.exchange(1).due_ms == START_MS + 11_000
    assert lines(rig) == ([], ["a"])


def test_an_expired_member_is_cancelled_and_the_others_run(rig: Rig) -> None:
    rig.enqueue(member("a", expires_in="500ms"), member("b"))
    rig.advance(1_000)

    assert ids_of(rig.worker().claim(1)) == ["b"]
    assert (rig.places("a"), rig.ids("groups")) == (["cancelled"], [])


def test_a_paused_queue_hands_out_no_group(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    rig.pause()

    assert rig.worker().claim(1) == []


def test_a_group_is_admitted_whole_under_concurrency(rig: Rig) -> None:
    put(rig, *"abcdef")
    rig.set_policy(concurrency=1)
    worker = rig.worker()

    first = worker.claim(5)
    assert (ids_of(first), worker.claim(5)) == (["a", "b", "c"], [])

    reply = worker.exchange(5, [completed(task) for task in first])
    assert ids_of(reply.claimed) == ["d", "e", "f"]


def test_each_member_costs_the_rate_its_own(rig: Rig) -> None:
    put(rig, *"abcdef")
    rig.set_policy(rate=1, rate_ms=1_000, burst=1)
    worker = rig.worker()

    first = worker.exchange(5)
    assert (len(first.claimed), first.due_ms) == (3, START_MS + 3_000)
    rig.advance(2_999)
    assert worker.claim(5) == []
    rig.advance(1)
    assert len(worker.claim(5)) == 3


def test_a_claim_is_bounded_also_when_groups_are_large(rig: Rig) -> None:
    declare(rig, GroupRule(60, 1_000, 5_000))
    for group in ("g1", "g2", "g3"):
        rig.enqueue(*[member(f"{group}-{number:02}", group) for number in range(60)])
    worker = rig.worker()

    assert [len(worker.claim(3)) for _ in range(4)] == [60, 60, 60, 0]


def test_a_new_rule_also_holds_for_groups_that_collect(rig: Rig) -> None:
    put(rig, "a", "b")

    declare(rig, GroupRule(3, 200, 300))
    assert dues(rig) == {"mail/g": START_MS + 200, "mail/g<": START_MS + 300}

    declare(rig, GroupRule(2, 200, 300))
    assert lines(rig) == (["a"], ["b"])


def test_an_equal_rule_is_written_once(rig: Rig) -> None:
    put(rig, "a")
    before = rig.dump()
    rig.advance(500)

    declare(rig, RULE)

    assert rig.dump() == before


def test_groups_are_seen_with_their_size_and_due_time(rig: Rig) -> None:
    put(rig, "a", "b", "c")
    rig.advance(100)
    rig.enqueue(member("d", "h"))

    groups = rig.executor.run(read_groups(rig.space, rig.queue)).groups

    assert [(g.type, g.group, g.size, g.due_ms, g.is_ripe) for g in groups] == [
        ("mail", "h", 1, START_MS + 1_100, False),
        ("mail", "g", 3, 0, True),
    ]
    assert [(g.first_id, g.rule, g.is_declared) for g in groups] == [
        ("d", RULE, True),
        ("a", RULE, True),
    ]


def test_an_operator_runs_a_group_now(rig: Rig) -> None:
    put(rig, "a", "b")

    assert rig.executor.run(run_group(rig.space, rig.queue, "mail/g", by="ada@host")) == 2

    assert ids_of(rig.worker().claim(1)) == ["a", "b"]
    ((_, entry),) = rig.client.xrange(rig.key("audit"))
    assert (entry[b"verb"], entry[b"by"], entry[b"group"]) == (b"run group", b"ada@host", b"mail/g")


def test_running_a_group_that_is_not_there_changes_nothing(rig: Rig) -> None:
    put(rig, "a")
    before = rig.dump()

    assert rig.executor.run(run_group(rig.space, rig.queue, "mail/other", by="ada@host")) == 0
    assert rig.dump() == before
