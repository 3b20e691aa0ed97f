"""Every threat of the matrix has tests that exist, and stands in docs/security.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.security.matrix import MATRIX

TESTS = Path(__file__).resolve().parents[1]
DOCUMENT = TESTS.parent / "docs" / "security.md"


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_the_matrix_has_every_threat() -> None:
    assert list(MATRIX) == [f"X{number}" for number in range(1, 27)]


@pytest.mark.parametrize("threat", MATRIX)
def test_what_shows_it_exists(threat: str) -> None:
    assert MATRIX[threat].tests
    for name in MATRIX[threat].tests:
        file, _, function = name.partition("::")
        assert function in names_in(TESTS / file), name


def test_the_document_has_every_threat_in_the_same_words() -> None:
    text = DOCUMENT.read_text()

    for number, threat in MATRIX.items():
        assert f"| {number} | {threat.name} | {threat.rule} |" in text, number
