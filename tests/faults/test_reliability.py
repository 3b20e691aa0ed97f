"""The page says what was measured, and a row whose tests did not all pass says so."""

from __future__ import annotations

import json

import pytest

from tests.faults.matrix import MATRIX
from tests.faults.reliability import BEGIN, END, PAGE, RESULTS, is_good, render
from tests.support.figures import FIGURES_VARIABLE, figure


def test_the_page_holds_the_last_results_and_nothing_else() -> None:
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]

    assert table.strip() == render(stored["faults"], stored["chaos"]).strip()


def test_results_are_of_the_tests_that_the_matrix_names() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))["faults"]

    assert {row.fault: set(row.tests) for row in MATRIX} == {
        fault: set(result["tests"]) for fault, result in results.items()
    }


@pytest.mark.parametrize("word", ["failure", "error", "skipped", "not run"])
def test_a_row_with_a_test_that_did_not_pass_does_not_hold(word: str) -> None:
    row = MATRIX[0]
    tests = {test: ["passed"] for test in row.tests} | {row.tests[0]: ["passed", word]}
    result = {"at": "", "where": "", "tests": tests, "runs": 2, "figures": []}

    assert not is_good(result)
    assert f"**{word}**" in render({row.fault: result}, [])


def test_a_figure_is_kept_and_held_to_its_target(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path_factory.mktemp("figures") / "figures.jsonl"
    monkeypatch.setenv(FIGURES_VARIABLE, str(path))

    figure("W0", "kept", 3, "tasks", at_most=3)
    with pytest.raises(AssertionError, match="too many: 4 tasks > 3"):
        figure("W0", "too many", 4, "tasks", at_most=3)

    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["what"], row["value"], row["at_most"]) for row in rows] == [
        ("kept", 3, 3),
        ("too many", 4, 3),
    ]
