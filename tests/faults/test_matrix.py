"""The matrix is whole: every fault has a test, every name is a test that runs."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.faults.matrix import MATRIX

TESTS = Path(__file__).resolve().parents[1]
SKIPS = ("skip", "skipif", "xfail")


@cache
def functions(path: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the test functions of a file below `tests/`."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_fault_is_there_once() -> None:
    wanted = [
        f"{kind}{n}"
        for kind, count in (("W", 17), ("R", 19), ("S", 15))
        for n in range(1, count + 1)
    ]

    assert [row.fault for row in MATRIX] == wanted


def test_every_name_is_a_test_that_is_not_skipped() -> None:
    wrong = []
    for row in MATRIX:
        assert row.tests, f"{row.fault} has no test"
        for name in row.tests:
            path, _, function = name.partition("::")
            there = (TESTS / path).is_file() and functions(path).get(function)
            if not there:
                wrong.append(f"{row.fault}: {name} is not there")
            elif any(word in ast.unparse(mark) for mark in there.decorator_list for word in SKIPS):
                wrong.append(f"{row.fault}: {name} may be skipped")

    assert wrong == []


def test_every_test_of_a_fault_belongs_to_a_row() -> None:
    named = {name for row in MATRIX for name in row.tests}
    there = {
        f"faults/{path.name}::{function}"
        for path in (TESTS / "faults").glob("test_*.py")
        if path.name not in ("test_matrix.py", "test_reliability.py")
        for function in functions(f"faults/{path.name}")
        if function.startswith("test_")
    }

    assert there - named == set()
