"""The machine notices: each planted mistake in a script is found by playing stories.

A test of the test. Every mutant is a mistake that a queue could ship with; its text is replaced in
the script as loaded, and the model must disagree within the stories of an everyday run or two.
"""

from __future__ import annotations

import pytest
import redis
from hypothesis import Phase

from tests.support.machine import QueueMachine
from tests.support.playing import FOUND, Mutant, planted, play
from tests.support.rig import Rig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MUTANTS = {
    "a settle needs no token": Mutant(
        "exchange", "if tokens[i] ~= token or seen[id] then", "if not tokens[i] then"
    ),
    "a settled task stays active": Mutant(
        "exchange",
        "redis.call('ZREM', k_active, unpack(gone))\n  redis.call('HDEL', k_claims",
        "redis.call('HDEL', k_claims",
    ),
    "an expired lease is renewed": Mutant(
        "exchange", "return till > 0 and (till >= now or now < reap_after)", "return till > 0"
    ),
    "an outage is a death": Mutant("reap", "and not was_away then", "then"),
    "a bystander is charged": Mutant("reap", "tonumber(losses) + tonumber(a_charge)", "losses + 1"),
    "a suspect has company": Mutant(
        "exchange", "leaving.suspects, room = {ids[1]}, 1", "leaving.suspects = {ids[1]}"
    ),
    "a retry takes a taken key": Mutant("moves", "if owner == id then till", "if owner then till"),
    "the dead keep their key": Mutant("exchange", "release_unique(ends[i], ends[i + 1])", ""),
    "a started task expires": Mutant("exchange", "expires <= now and is_fresh", "expires <= now"),
    "a repeat claims again": Mutant(
        "exchange", "if tonumber(seq) == tonumber(a_seq) then return", "if false then return"
    ),
    "an intent to cancel is forgotten": Mutant(
        "exchange", "if kind ~= 'c' and cancels and cancels[i] then", "if false then"
    ),
    "a delayed task is due early": Mutant(
        "exchange", "if tonumber(head[2]) > now then", "if tonumber(head[2]) > now + 5000 then"
    ),
    "a promoted task goes to the end": Mutant(
        "exchange",
        "add(ready, int(score_of(stored[i], step)), ids[i])",
        "add(ready, int(now), ids[i])",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_in_a_script_is_found(
    name: str, redis_url: str, redis_client: redis.Redis
) -> None:
    rig = Rig(redis_url, redis_client)

    with planted(MUTANTS[name]), pytest.raises(FOUND):
        play(QueueMachine, rig, stories=250, steps=60, phases=[Phase.generate])

    rig.close()
