"""Groups keep their promises in any story: nobody is lost, forgotten, or run too early.

Hypothesis plays `tests.support.group_machine`; planted mistakes show that it would notice.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from rediq_core.errors import RediqError
from rediq_core.scripts import loader
from tests.contract.test_verbs_mutants import Mutant
from tests.support.group_machine import GroupMachine
from tests.support.rig import Rig

FOUND = (AssertionError, ExceptionGroup, RediqError)
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


def play(rig: Rig, *, stories: int, steps: int, phases: tuple[Phase, ...]) -> None:
    machine = type("GroupsOnServer", (GroupMachine,), {"rig": rig})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=stories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def rig(redis_url: str, redis_client: redis.Redis) -> Iterator[Rig]:
    rig = Rig(redis_url, redis_client)
    yield rig
    rig.close()


def test_groups_keep_their_promises(rig: Rig) -> None:
    play(rig, stories=15, steps=30, phases=(Phase.generate, Phase.shrink))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_groups_keep_their_promises_over_many_stories(rig: Rig) -> None:
    play(rig, stories=200, steps=50, phases=(Phase.generate, Phase.shrink))


@pytest.fixture
def mutant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    mistake = MUTANTS[request.getfixturevalue("name")]
    assert loader.load(mistake.script).body.count(mistake.right) == 1, "the script has changed"
    read = loader._read
    monkeypatch.setattr(
        loader, "_read", lambda path: read(path).replace(mistake.right, mistake.wrong)
    )
    loader.load.cache_clear()
    yield
    loader.load.cache_clear()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.usefixtures("mutant")
def test_a_mistake_in_a_script_is_found(name: str, rig: Rig) -> None:
    with pytest.raises(FOUND):
        play(rig, stories=150, steps=40, phases=(Phase.generate,))
