"""limit.lua and rescore.lua: declared limits, overrides, resets, and a change of order."""

from __future__ import annotations

from typing import Any

import pytest

from rediq_core.errors import InvalidOption, QueueFull
from rediq_core.model.limits import Changes, Limits, QueueLimits, changes
from rediq_core.model.rates import Rate
from rediq_core.model.task import Task
from rediq_core.verbs.limits import declare_limits, rescore, reset_limits, set_limits
from tests.support.rig import START_MS, Rig, completed, ids_of

FILE = Limits(concurrency=20, rate=Rate(100, 60_000))


def put(rig: Rig, **wanted: Any) -> QueueLimits:
    changed: Changes = changes(**wanted)
    return rig.executor.run(set_limits(rig.space, rig.queue, changed, by="ada@host"))


def reset(rig: Rig, *names: str) -> QueueLimits:
    return rig.executor.run(reset_limits(rig.space, rig.queue, names, by="ada@host"))


def declare(rig: Rig, limits: Limits, rev: int = 0) -> QueueLimits:
    return rig.executor.run(declare_limits(rig.space, rig.queue, limits, by="w", rev=rev))


def test_declared_limits_are_in_force(rig: Rig) -> None:
    assert declare(rig, FILE) == QueueLimits(FILE, FILE, frozenset())


def test_an_override_stands_until_it_is_reset(rig: Rig) -> None:
    declare(rig, FILE)

    limits = put(rig, concurrency=3)
    assert limits == QueueLimits(FILE._replace(concurrency=3), FILE, frozenset({"concurrency"}))

    newer = FILE._replace(concurrency=50, max_len=7)
    assert declare(rig, newer).live == newer._replace(concurrency=3)
    assert reset(rig) == QueueLimits(newer, newer, frozenset())


def test_a_limit_can_be_overridden_to_none(rig: Rig) -> None:
    declare(rig, FILE)

    limits = put(rig, rate="none")

    assert (limits.live.rate, limits.overridden) == (None, {"rate"})
    assert declare(rig, FILE).live.rate is None
    assert {"rate", "rate_ms", "burst", "tokens"}.isdisjoint(rig.hash("policy"))


def test_one_limit_is_reset_and_another_stays(rig: Rig) -> None:
    put(rig, concurrency=3, max_len=5)

    limits = reset(rig, "max_len")

    assert (limits.live, limits.overridden) == (Limits(concurrency=3), {"concurrency"})


def test_what_a_file_no_longer_declares_is_gone(rig: Rig) -> None:
    declare(rig, FILE)

    assert declare(rig, Limits()).live == Limits()


def test_an_older_configuration_changes_nothing(rig: Rig) -> None:
    declare(rig, FILE, rev=2)
    before = rig.dump()

    assert declare(rig, Limits(), rev=1).live == FILE
    assert rig.dump() == before


def test_an_equal_declaration_writes_nothing(rig: Rig) -> None:
    declare(rig, FILE)
    before = rig.dump()

    declare(rig, FILE)

    assert rig.dump() == before


def test_who_changed_what_is_in_the_audit(rig: Rig) -> None:
    put(rig, concurrency=3, rate="none")
    reset(rig)

    entries = [entry for _, entry in rig.client.xrange(rig.key("audit"))]

    assert entries == [
        {b"verb": b"limit", b"by": b"ada@host", b"limits": b"concurrency=3 rate="},
        {b"verb": b"reset limits", b"by": b"ada@host", b"limits": b""},
    ]


def test_a_change_wakes_whoever_waits(rig: Rig) -> None:
    rig.enqueue(Task("mail"))
    rig.take_wake()

    put(rig, concurrency=3)

    assert rig.take_wake() == 1


def test_a_changed_rate_keeps_the_tokens_it_has(rig: Rig) -> None:
    rig.enqueue(*[Task("mail") for _ in range(9)])
    worker = rig.worker()
    put(rig, rate="1/s")
    assert len(worker.claim(5)) == 1

    put(rig, rate="2/s")

    assert worker.exchange(5).due_ms == START_MS + 500


def test_max_len_counts_what_is_unfinished(rig: Rig) -> None:
    put(rig, max_len=2)
    full = rig.put(Task("mail", id="a"), Task("mail", id="b", delay="1h"), Task("mail"))[2]
    assert isinstance(full, QueueFull)
    assert full.code == "E017"

    worker = rig.worker()
    (task,) = worker.claim(1)
    worker.settle(completed(task))

    assert rig.put(Task("mail", id="d")) == ["d"]


def test_aging_lets_old_tasks_overtake(rig: Rig) -> None:
    put(rig, aging="60s")
    rig.enqueue(Task("mail", id="old", priority=51))
    rig.advance(59_999)
    rig.enqueue(Task("mail", id="before", priority=50))
    rig.advance(2)
    rig.enqueue(Task("mail", id="after", priority=50))

    assert ids_of(rig.worker().claim(3)) == ["before", "old", "after"]


def test_a_change_of_aging_gives_all_their_places_again(rig: Rig) -> None:
    rig.enqueue(*[Task("mail", id=f"low{n}", priority=60) for n in range(150)])
    rig.advance(60_000)
    rig.enqueue(*[Task("mail", id=f"high{n}", priority=50) for n in range(150)])
    put(rig, aging="1s")

    steps = []
    while not steps or steps[-1].has_more:
        steps.append(rig.executor.run(rescore(rig.space, rig.queue, limit=40)))

    assert len(steps) > 3
    assert sum(step.moved for step in steps) == 300
    assert rig.ids("pending")[0].startswith("low")
    assert rig.scores("pending") == {
        **{f"low{n}": START_MS + 60 * 1_000 for n in range(150)},
        **{f"high{n}": START_MS + 60_000 + 50 * 1_000 for n in range(150)},
    }
    assert "rescore" not in rig.hash("policy")


def test_a_second_change_of_aging_begins_again(rig: Rig) -> None:
    rig.enqueue(*[Task("mail", id=f"t{n}", priority=60) for n in range(300)])
    put(rig, aging="1s")
    rig.executor.run(rescore(rig.space, rig.queue, limit=40))

    put(rig, aging="none")
    while rig.executor.run(rescore(rig.space, rig.queue, limit=40)).has_more:
        pass

    assert set(rig.scores("pending").values()) == {START_MS + 60 * 10**13}


def test_nothing_is_to_be_done_when_aging_did_not_change(rig: Rig) -> None:
    put(rig, aging="1s")
    rig.executor.run(rescore(rig.space, rig.queue))

    put(rig, aging="1s")

    assert rig.executor.run(rescore(rig.space, rig.queue)) == (0, False)


def test_suspects_and_claimed_tasks_meanwhile_stay_what_they_are(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="s", priority=60))
    for name in ("l#1", "l#2"):
        rig.worker(name).claim(1)
        rig.reap(name)
    rig.enqueue(Task("mail", id="a", priority=60), Task("mail", id="b", priority=60))
    put(rig, aging="1s")
    rig.worker().claim(1)

    rig.executor.run(rescore(rig.space, rig.queue))

    assert rig.scores("suspects") == {"s": START_MS + 60_000}
    assert (rig.places("a"), rig.scores("pending")) == (["active"], {"b": START_MS + 60_000})


@pytest.mark.parametrize(
    "wanted",
    [
        {"concurrency": 0},
        {"concurrency": "-1"},
        {"concurrency": "²"},
        {"max_len": "many"},
        {"rate": "100"},
        {"rate": "0/s"},
        {"aging": "0s"},
        {"aging": "soon"},
    ],
)
def test_a_limit_that_cannot_be_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption) as refused:
        changes(**wanted)
    assert refused.value.code == "E005"


def test_limits_are_written_as_people_write_them() -> None:
    limits = Limits(3, Rate(100, 60_000), 90_000, 5)

    assert limits.texts() == {
        "concurrency": "3",
        "rate": "100/m",
        "aging": "1m 30s",
        "max_len": "5",
    }
