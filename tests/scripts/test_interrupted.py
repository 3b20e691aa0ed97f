"""A script that stops half way loses no task, and the same call again completes it.

Redis does not roll a script back; a command that an ACL denies stops it in the middle. So places
come first, and tokens, sources and counts last. Broken before any of its writes:

* every known task is still in at least one place;
* enqueue, exchange and reap, sent again, end as if they had never been broken: every task in the
  same one place, the same claims, keys, causes and leases; reap may forget to charge a loss;
* a sweep, sent again, ends as if it had never been broken;
* an operator's verb, sent again, leaves at most the one task it stopped at in two places (its old
  and its new one), or a place without its task, which is passed over. `doctor --fix` tidies it;
* the books (counters, events, audit, how often a failure was seen, timelines) may be one over or
  one short, and nothing is decided by them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.catalogue import Lively, calls
from tests.support.interrupt import run_broken
from tests.support.rig import START_MS, Rig

CALLS = calls()
BOOKS_APART = ("enqueue", "enqueue_plain", "exchange", "exchange solo", "reap", "sweep")
OPERATORS = [name for name in CALLS if name.startswith("moves")]
MOST_WRITES = 200


def decisive_state(rig: Rig) -> dict[str, object]:
    """Return what decides: where tasks are, who holds them, which keys are taken.

    A place whose task is gone decides nothing: claims and promotions pass it over.
    """
    known = rig.hash("tasks")
    names = ("tasks", "claims", "unique", "tries", "causes", "trashed")
    return {
        "places": {task: found for task, found in Lively.places_of(rig).items() if task in known},
        **{name: rig.hash(name) for name in names},
        **{name: rig.ids(name) for name in ("leases", "needs", "errors", "kept")},
        **{name: rig.ids(name) for name in ("groups", "groups_due")},
    }


def break_everywhere(rig: Rig, name: str, *, at_least: int = 3) -> Iterator[str]:
    """Break the call before each of its writes in turn, then send it again, each from the start.

    Yields:
        Where it broke, after the repeat.
    """
    for write in range(1, MOST_WRITES):
        rig.client.flushall()
        rig.now_ms = START_MS
        queue = Lively(rig)
        call = CALLS[name](queue)
        homeless = {task_id for task_id, places in queue.places().items() if not places}
        broken_at = run_broken(rig.client, call, write)
        if broken_at is None:
            assert write > at_least
            return
        where = f"{name} broken before write {write}, {broken_at}"
        nowhere = {task_id for task_id, places in queue.places().items() if not places}
        assert nowhere <= homeless, where
        rig.executor.run(call)
        yield where
    pytest.fail(f"{name} writes more than {MOST_WRITES} times")


@pytest.mark.parametrize("name", BOOKS_APART)
def test_a_broken_script_is_completed_by_a_repeat(rig: Rig, name: str) -> None:
    rig.executor.run(CALLS[name](Lively(rig)))
    expected = decisive_state(rig)

    for where in break_everywhere(rig, name):
        state = decisive_state(rig)
        if name == "reap":
            assert losses(state.pop("tries")) <= losses(expected["tries"]), where
            state["tries"] = expected["tries"]
        assert state == expected, where


def losses(tries: object) -> int:
    """Count the losses of all tasks: a broken reap may forget some, and charges none twice."""
    assert isinstance(tries, dict)
    return sum(int(row.split("|")[1]) for row in tries.values())


@pytest.mark.parametrize("name", OPERATORS)
def test_a_broken_move_leaves_no_place_without_its_task(rig: Rig, name: str) -> None:
    for where in break_everywhere(rig, name):
        untidy = {
            task_id: places
            for task_id, places in Lively.places_of(rig).items()
            if len(places) != 1 or task_id not in rig.hash("tasks")
        }
        assert untidy == {}, where


def test_a_broken_claim_whose_caller_died_comes_back(rig: Rig) -> None:
    for where in break_everywhere(rig, "exchange solo"):
        rig.reap("solo#1")

        doubled = {
            task_id: places for task_id, places in Lively.places_of(rig).items() if len(places) > 1
        }
        assert doubled == {}, where
