"""One row of the matrix of faults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.

    Attributes:
        fault: Its name, such as "W1".
        what: What happens.
        outcome: What is to come of it.
        tests: "path::function" below `tests/`.
    """

    fault: str
    what: str
    outcome: str
    tests: tuple[str, ...]


def row(fault: str, what: str, outcome: str, *tests: str) -> Row:
    """Return a row of these tests."""
    return Row(fault, what, outcome, tests)
