"""Start-up looks for no garbage, and what comes behind it does."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from tests.cli.conftest import Rediq
from tests.support.cli import ROOT, clean_environment

# A command of its own process, which notes how the collector stands on the way.
NOTED = """
import gc, json, sys
from rediq_cli import main, session
seen = []
def noting(name):
    original = getattr(session.Session, name)
    def noted(self, *rest):
        seen.append(gc.isenabled())
        return original(self, *rest)
    setattr(session.Session, name, noted)
noting("__enter__"), noting("__exit__")
gc.callbacks.append(lambda phase, _: seen.append(phase) if not gc.get_freeze_count() else None)
try:
    main.main()
finally:
    print(json.dumps([seen, gc.isenabled(), gc.get_freeze_count() > 10_000]), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["queue", "list"], ["queue", "inspect", "no-such"]])
def test_garbage_is_looked_for_once_a_command_runs(redis_url: str, words: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", NOTED, *words, "--url", redis_url],
        capture_output=True,
        check=False,
        timeout=30,
        env=clean_environment(),
        cwd=ROOT,
        text=True,
    )

    assert json.loads(ended.stderr.splitlines()[-1]) == [[True, True], True, True]


def test_a_command_inside_another_program_leaves_its_collector_alone(rediq: Rediq) -> None:
    before = gc.get_freeze_count()
    assert rediq("queue", "list").code == 0

    assert (gc.isenabled(), gc.get_freeze_count()) == (True, before)
