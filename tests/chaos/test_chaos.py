"""Chaos on each topology: nothing lost, nothing twice without a reason, no key against another.

A failure prints the seed and what happened to the tasks; `make chaos` runs it longer.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.chaos.mutants import NAMES, finding_of, run_mutant
from tests.chaos.report import VARIABLE, last_line
from tests.chaos.run import run

SECONDS = 12
SEEDS = ("11", "12", "13")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "topology",
    [
        "standalone",
        pytest.param("sentinel", marks=pytest.mark.sentinel),
        pytest.param("cluster", marks=pytest.mark.cluster),
    ],
)
def test_nothing_is_lost_in_chaos(
    topology: str, seed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "report.json"))

    ended = run(topology, SECONDS, seed, tmp_path)

    assert ended.verdict.is_good, f"{last_line(ended.verdict)}\n{ended.history}"
    assert ended.verdict.numbers["acknowledged"] > 100
    assert ended.verdict.numbers["effects"] > 100


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_in_the_engine_is_found(name: str, tmp_path: Path) -> None:
    code, said = run_mutant(name, tmp_path, seconds=SECONDS, seed="1")

    assert code == 1, said
    assert re.search(finding_of(name), said), said
