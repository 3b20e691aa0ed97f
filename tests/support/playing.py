"""Play a state machine's stories on a server, with the scripts as they are or with a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from rediq_core.errors import RediqError
from rediq_core.scripts import loader
from tests.support.rig import Rig

EVERY_PHASE = (Phase.generate, Phase.shrink)
# How a mistake shows: the machine disagrees, in one place or several, or a script fails.
FOUND = (AssertionError, ExceptionGroup, RediqError)


class Mutant(NamedTuple):
    """A mistake: in this script, this text, replaced by that."""

    script: str
    right: str
    wrong: str


def play(
    machine: type[RuleBasedStateMachine],
    rig: Rig,
    *,
    stories: int,
    steps: int,
    phases: Sequence[Phase] = EVERY_PHASE,
) -> None:
    """Play stories of so many steps on one server."""
    run_state_machine_as_test(
        type("OnServer", (machine,), {"rig": rig}),
        settings=settings(
            max_examples=stories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@contextmanager
def planted(mistake: Mutant) -> Iterator[None]:
    """Load scripts with a mistake for the length of a with-block."""
    assert loader.load(mistake.script).body.count(mistake.right) == 1, "the script has changed"
    read = loader._read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            loader, "_read", lambda path: read(path).replace(mistake.right, mistake.wrong)
        )
        loader.load.cache_clear()
        yield
    loader.load.cache_clear()
