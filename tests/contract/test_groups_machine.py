"""Groups keep their promises in any story: nobody is lost, forgotten, or run too early.

Hypothesis plays `tests.support.group_machine`; planted mistakes show that it would notice.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from hypothesis import Phase

from tests.support.group_machine import GroupMachine
from tests.support.playing import FOUND, Mutant, planted, play
from tests.support.rig import Rig

MUTANTS = {
    "what is left of a group is forgotten": Mutant(
        "exchange",
        "for name, kind in pairs(opened.kinds) do regroup(name, kind, step) end",
        "",
    ),
    "a cancelled head leaves its group without one": Mutant(
        "moves", "if is_ripe or #heads(name, 1) == 0 then ripen(name, step) end", ""
    ),
    "a group is ripe before it is full": Mutant("enqueue", ">= size then", ">= size - 1 then"),
    "a member stays in line while it runs": Mutant(
        "exchange", "apply('ZREM', k_groups, opened.members)", ""
    ),
    "the longest wait is not noted": Mutant(
        "enqueue", "redis.call('ZADD', k_groups_due, int(now + grace), name)", ""
    ),
}


@pytest.fixture
def rig(redis_url: str, redis_client: redis.Redis) -> Iterator[Rig]:
    rig = Rig(redis_url, redis_client)
    yield rig
    rig.close()


def test_groups_keep_their_promises(rig: Rig) -> None:
    play(GroupMachine, rig, stories=15, steps=30)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_groups_keep_their_promises_over_many_stories(rig: Rig) -> None:
    play(GroupMachine, rig, stories=200, steps=50)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_in_a_script_is_found(name: str, rig: Rig) -> None:
    with planted(MUTANTS[name]), pytest.raises(FOUND):
        play(GroupMachine, rig, stories=150, steps=40, phases=(Phase.generate,))
