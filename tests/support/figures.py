"""What a test measured, kept for the table of `docs/reliability.md`.

A figure is checked where it is measured, and written to the file that REDIQ_FIGURES names, one
JSON object a line: `{"fault", "what", "value", "unit", "at_most", "strain", "test"}`. Without that
variable nothing is written. Lines are appended in one write, so pytest processes may share a file.

A target of time is one of a machine that has cores to give. `strain` says how far this one is from
that, by how long a little computing takes; a target of time is stretched by it, and both are kept.

Example:
    figure("W3", "SIGTERM to exit, idle", took_s, "s", at_most=0.5)
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

FIGURES_VARIABLE = "REDIQ_FIGURES"
# Of computing, to see what the machine makes of it.
SPIN_S = 0.1


def figure(fault: str, what: str, value: float, unit: str, *, at_most: float | None = None) -> None:
    """Keep a figure and hold it to its target.

    Args:
        fault: The row of the matrix it belongs to, such as "W3".
        what: What was measured, in a few words.
        value: The figure.
        unit: "s", "ms", "tasks" and the like.
        at_most: The target; None for a figure that is only reported. One in s or ms is
            stretched by the strain of the machine.

    Raises:
        AssertionError: The figure is over its target.
    """
    is_timing = at_most is not None and unit in ("s", "ms")
    stretch = strain() if is_timing else 1.0
    path = os.environ.get(FIGURES_VARIABLE)
    if path:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
        row = {"fault": fault, "what": what, "value": round(value, 4), "unit": unit}
        line = json.dumps({**row, "at_most": at_most, "strain": stretch, "test": test}) + "\n"
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(line)
    print(f"{fault} {what}: {value:g} {unit}, strain {stretch}")
    if at_most is not None:
        said = f"{fault} {what}: {value:g} {unit} > {at_most:g} at strain {stretch}"
        assert value <= at_most * stretch, said


def strain() -> float:
    """Return how many times longer than its own time a computation takes here now; 1 at rest."""
    began, began_cpu = time.perf_counter(), time.thread_time()
    while time.thread_time() - began_cpu < SPIN_S:
        pass
    return round(max((time.perf_counter() - began) / SPIN_S, 1.0), 1)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of values lies; 0.99 of few is their maximum."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
