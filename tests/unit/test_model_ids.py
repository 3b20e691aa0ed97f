"""Ids sort in the order they were made, lead to their queue, and no process repeats another's."""

from __future__ import annotations

import os
import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.model.ids import (
    ALPHABET,
    ID_LENGTH,
    IdMaker,
    derived_id,
    id_time_ms,
    new_id,
    queue_tag,
    tag_of_queue,
)

QUEUE_NAMES = st.text("abcXYZ019._:-", min_size=1, max_size=20)


class StoppedClock:
    """A clock that a test sets."""

    def __init__(self, ms: int = 1_700_000_000_000) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


def test_an_id_is_26_characters_of_crockford_base32() -> None:
    task_id = new_id("default")

    assert len(task_id) == ID_LENGTH
    assert set(task_id) <= set(ALPHABET)
    assert not set("ILOU") & set(ALPHABET)


def test_ids_of_one_process_sort_in_the_order_they_were_made() -> None:
    ids = [new_id("default") for _ in range(20_000)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_ids_go_on_growing_when_the_clock_stands_or_goes_back() -> None:
    clock = StoppedClock()
    maker = IdMaker(clock)
    rng = random.Random(7)

    ids = []
    for _ in range(5_000):
        clock.ms += rng.choice([-50, -1, 0, 0, 0, 1, 3])
        ids.append(maker.new("default"))

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_id_says_when_it_was_made() -> None:
    clock = StoppedClock(1_712_345_678_901)

    assert id_time_ms(IdMaker(clock).new("default")) == 1_712_345_678_901


def test_a_full_millisecond_goes_on_in_the_next() -> None:
    clock = StoppedClock()
    maker = IdMaker(clock)
    first = maker.new("default")
    maker._random = (1 << 60) - 1

    second = maker.new("default")

    assert first < second
    assert id_time_ms(second) == clock.ms + 1


@given(QUEUE_NAMES)
def test_an_id_leads_to_its_queue(queue: str) -> None:
    assert queue_tag(new_id(queue)) == tag_of_queue(queue)


@pytest.mark.parametrize("other", ["", "cron:daily:1700000000", "a" * 26, "0" * 25, "0" * 27])
def test_other_forms_lead_nowhere(other: str) -> None:
    assert queue_tag(other) is None
    assert id_time_ms(other) is None


def test_threads_never_share_an_id() -> None:
    made: list[str] = []

    def make() -> None:
        made.extend([new_id("default") for _ in range(2_000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == len(made) == 16_000


def test_a_forked_child_makes_ids_of_its_own() -> None:
    new_id("default")  # the parent's sequence is under way
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  # runs in the child, which leaves at once
        os.write(write_end, " ".join(new_id("default") for _ in range(500)).encode())
        os._exit(0)
    mine = [new_id("default") for _ in range(500)]
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        theirs = pipe.read().split()
    os.waitpid(child, 0)

    assert len(theirs) == 500
    # Not one in common, and not the same sequence with another start.
    assert set(mine).isdisjoint(theirs)
    assert {task_id[14:] for task_id in mine}.isdisjoint(task_id[14:] for task_id in theirs)


def test_a_forked_child_can_make_ids_while_a_thread_of_the_parent_did() -> None:
    from rediq_core.model import ids

    with ids._MAKER._lock:  # as if another thread were inside when the fork happens
        child = os.fork()
        if child == 0:  # pragma: no cover  # runs in the child, which leaves at once
            os._exit(0 if len(new_id("default")) == ID_LENGTH else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_childs_id_is_the_same_each_time_its_parent_runs() -> None:
    parent = new_id("default")

    assert derived_id(parent, 0, "sms") == derived_id(parent, 0, "sms")
    assert len({derived_id(parent, ordinal, "sms") for ordinal in range(1_000)}) == 1_000
    assert derived_id(parent, 0, "sms") != derived_id(new_id("default"), 0, "sms")


def test_a_childs_id_leads_to_its_own_queue() -> None:
    child = derived_id(new_id("default"), 0, "sms")

    assert queue_tag(child) == tag_of_queue("sms")
    assert len(derived_id("cron:daily:1", 0, "sms")) == ID_LENGTH
