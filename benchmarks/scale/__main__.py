"""Seed a million tasks, ask what an operator asks, and print what it cost.

    python -m benchmarks.scale --rounds 11

Starts its own server on a free loopback port. A row is missed if its best run took longer than the
bound, or if any command held the server longer than a script may.
"""

import argparse
import compileall
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peers.server import BenchServer
from benchmarks.scale.seeding import BROKEN, USERS, Size, fill
from benchmarks.scale.timing import ROOT, streamed, timed
from benchmarks.scale.watching import FORBIDDEN, Server, monitored, unbounded

# The longest that one command may hold the server, in ms.
SCRIPT_MS = 25.0
RARE = str(USERS - 1_235)


@dataclass(frozen=True)
class Question:
    """One command line, what it may take, and how often it is asked at most."""

    words: tuple[str, ...]
    bound_ms: float | None = None
    rounds: int = 11
    codes: tuple[int, ...] = (0,)


QUESTIONS = (
    Question(("--version",), 30),
    Question(("--help",), 120),
    Question(("__complete", "bash", "queue", ""), 150),
    Question(("__complete", "bash", "queue", "pause", "q"), 150),
    Question(("queue", "list"), 300),
    Question(("queue", "list", "--json"), 300),
    Question(("task", "list", f"dead:{BROKEN}"), 300),
    Question(("task", "list", "dead:q07"), 300),
    Question(("task", "list", "pending"), 300),
    Question(("failures",), 500),
    Question(("queue", "inspect", BROKEN)),
    Question(("why", "q07")),
    Question(("stats",)),
    Question(("check",), codes=(0, 1, 2)),
    Question(("task", "retry", f"dead:{BROKEN}", "--dry-run")),
    Question(("doctor",), rounds=1, codes=(0, 6)),
)


def main() -> int:
    """Seed, measure, print; 1 if a bound was missed."""
    args = _parser().parse_args()
    size = Size(args.tasks, args.queues, args.failures)
    # As `make install` does; else commands would be timed with their compilation.
    for package in ("rediq_core", "rediq_cli"):
        compileall.compile_dir(str(ROOT / package), quiet=1)
    with BenchServer(args.server) as server:
        began = time.perf_counter()
        fill(server.url, size)
        took_s = time.perf_counter() - began
        memory = server.used_memory() / 2**20
        load = os.getloadavg()[0]
        print(
            f"{size.tasks:,} tasks over {size.queues} queues, {size.dead:,} dead of 3 causes:"
            f" seeded in {took_s:.0f} s, {memory:,.0f} MiB, {server.version()}, "
            f"load average {load:.1f}\n"
        )
        watch = Server(server.client)
        missed = _ask_all(server.url, watch, args.rounds)
        missed += _search(server.url, watch, size)
        missed += _failures(server.url, size)
        missed += _bulk(server.url, watch)
        missed += _ranges(server.url)
    print("\nmissed: " + "; ".join(missed) if missed else "\nall bounds are kept")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    add = parser.add_argument
    add("--tasks", type=int, default=1_000_000)
    add("--queues", type=int, default=100)
    add("--failures", type=int, default=100_000, help=f"dead tasks in the queue {BROKEN}")
    add("--rounds", type=int, default=11, help="runs of each command, at most")
    add("--server", help="server program; default: REDIQ_SERVER_BIN, then PATH")
    return parser


def _ask_all(url: str, watch: Server, rounds: int) -> list[str]:
    """Print the table of wall times; returns what was missed."""
    missed = []
    print("| command | best ms | median ms | CPU ms | bound ms | longest call ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for question in QUESTIONS:
        watch.forget()
        run = timed(url, *question.words, rounds=min(rounds, question.rounds), codes=question.codes)
        longest = watch.longest_ms()
        bound = question.bound_ms
        said = f"{bound:.0f}" if bound else "–"
        print(
            f"| `rediq {run.line}` | {run.best_ms:.0f} | {run.median_ms:.0f} | {run.cpu_ms:.0f}"
            f" | {said} | {longest:.1f} |"
        )
        if bound and run.best_ms > bound:
            missed.append(f"rediq {run.line}: {run.best_ms:.0f} ms")
        missed += _held(run.line, longest)
    return missed


def _held(line: str, longest_ms: float) -> list[str]:
    is_long = longest_ms > SCRIPT_MS
    return [f"rediq {line}: a command held the server {longest_ms:.1f} ms"] if is_long else []


def _search(url: str, watch: Server, size: Size) -> list[str]:
    """Look for one user among all pending tasks."""
    expected = sum(1 for number in range(size.pending) if number % USERS == int(RARE))
    missed = []
    print()
    for scan in (10_000, size.tasks):
        watch.forget()
        words = ("task", "list", f"payload.user:{RARE}", "-o", "ids", "--limit", "1000")
        found = streamed(url, *words, "--scan", str(scan))
        first = f"first after {found.first_ms:,.0f} ms, " if found.lines else ""
        print(
            f"`rediq {' '.join(words)} --scan {scan}`: {found.lines} hits, {first}"
            f"{found.whole_ms:,.0f} ms altogether, longest call {watch.longest_ms():.1f} ms"
            f"; it said: {found.err.strip() or 'nothing'}"
        )
        missed += _held(" ".join(words), watch.longest_ms())
    if found.lines != expected:
        missed.append(f"{found.lines} hits instead of {expected}")
    return missed


def _failures(url: str, size: Size) -> list[str]:
    """Compare the table of causes with what was seeded."""
    rows = json.loads(timed(url, "failures", "--json", rounds=1).out)
    counts = sorted(row["tasks"] for row in rows)
    print(f"\n`rediq failures`: {len(rows)} rows, {counts} tasks")
    is_right = len(rows) == 3 and sum(counts) == size.dead
    return [] if is_right else [f"failures says {counts}, seeded were {size.dead}"]


def _bulk(url: str, watch: Server) -> list[str]:
    """Retry one cause, flush the rest, and take the flush back."""
    rows = json.loads(timed(url, "failures", BROKEN, "--json", rounds=1).out)
    cause = rows[0]["cause"]
    missed = []
    print()
    for words in (
        ("task", "retry", f"dead:{BROKEN}", f"cause:{cause}", "--yes"),
        ("queue", "flush", f"dead:{BROKEN}", "--confirm", BROKEN),
        ("undo",),
    ):
        watch.forget()
        run = timed(url, *words, rounds=1)
        said = run.out.strip().partition(";")[0]
        print(
            f"`rediq {run.line}`: {said} in {run.best_ms / 1_000:.1f} s,"
            f" longest call {watch.longest_ms():.1f} ms"
        )
        missed += _held(run.line, watch.longest_ms())
    return missed


def _ranges(url: str) -> list[str]:
    """Ask everything once more and look at each command that the server ran for it."""
    lines: Sequence[tuple[str, ...]] = [
        *(question.words for question in QUESTIONS),
        ("task", "list", f"payload.user:{RARE}"),
    ]
    with monitored(url) as seen:
        for words in lines:
            timed(url, *words, rounds=1, codes=range(256))
    loose = sorted(set(unbounded(seen)))
    names = {command.split()[0].lower() for command in seen}
    print(
        f"\n{len(seen):,} commands were seen by MONITOR: {len(loose)} unbounded ranges,"
        f" {', '.join(sorted(names & FORBIDDEN)) or 'no KEYS'}"
    )
    return [f"unbounded: {command[:120]}" for command in loose[:10]]


if __name__ == "__main__":
    sys.exit(main())
