"""Run the command line as a person does, in a process of its own, and time it on the wall."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).parent / "rediq"


@dataclass(frozen=True)
class Timed:
    """One command line, run several times.

    Attributes:
        line: What was typed behind `rediq`.
        best_ms: The fastest run: what it costs when nobody disturbs.
        median_ms: The one in the middle.
        cpu_ms: Processor time of the run that needed least: what a busy machine cannot hide.
        out: Stdout of the last run.
        err: Stderr of the last run.
    """

    line: str
    best_ms: float
    median_ms: float
    cpu_ms: float
    out: str
    err: str


def timed(url: str, *words: str, rounds: int, codes: Sequence[int] = (0,)) -> Timed:
    """Run a command line so many times; it may end with one of the codes.

    Raises:
        RuntimeError: It failed.
    """
    took: list[float] = []
    worked: list[float] = []
    ended = None
    for _ in range(rounds):
        began, before = time.perf_counter(), _cpu_of_children_ms()
        ended = _run(url, words, codes)
        took.append((time.perf_counter() - began) * 1_000)
        worked.append(_cpu_of_children_ms() - before)
    assert ended is not None
    return Timed(
        " ".join(words),
        min(took),
        statistics.median(took),
        min(worked),
        ended.stdout,
        ended.stderr,
    )


def _cpu_of_children_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1_000


def _run(url: str, words: Sequence[str], codes: Sequence[int]) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, check=False, env=environment(url)
    )
    if ended.returncode not in codes:
        raise RuntimeError(f"rediq {' '.join(words)} ended {ended.returncode}:\n{ended.stderr}")
    return ended


@dataclass(frozen=True)
class Streamed:
    """A command whose output came line by line.

    Attributes:
        lines: How many.
        first_ms: When the first one came.
        whole_ms: When it ended.
        err: What it said on stderr.
    """

    lines: int
    first_ms: float
    whole_ms: float
    err: str


def streamed(url: str, *words: str) -> Streamed:
    """Run a command line and note when its first line arrives."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(url),
    )
    assert process.stdout is not None
    lines, first_ms = 0, 0.0
    for _ in process.stdout:
        lines += 1
        first_ms = first_ms or (time.perf_counter() - began) * 1_000
    _, err = process.communicate()
    return Streamed(lines, first_ms, (time.perf_counter() - began) * 1_000, err)


def environment(url: str) -> dict[str, str]:
    """Return the environment that leads to the server, and to no configuration of this machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REDIQ_", "REDIS_", "WORKER_", "METRICS_"))
    }
    return {**kept, "REDIQ_URL": url, "XDG_CONFIG_HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}
