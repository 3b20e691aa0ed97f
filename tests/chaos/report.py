"""What a run tells: a JSON report for machines, the history of what went wrong for people."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rediq_core.model.views import TaskView
from tests.chaos.judge import Verdict
from tests.chaos.ledger import Row
from tests.chaos.nemesis import Fault

VARIABLE = "REDIQ_CHAOS_REPORT"
_MOST_HISTORIES = 5
# Faults are shown that touched a task's time, and so long before, in ms.
_BEFORE_MS = 5_000


def last_line(verdict: Verdict) -> str:
    """The three numbers that matter."""
    return (
        f"lost {len(verdict.lost)}, unexplained duplicates {len(verdict.unexplained)}, "
        f"violations {len(verdict.violations)}"
    )


def write_report(
    topology: str,
    seconds: float,
    seed: str,
    verdict: Verdict,
    faults: Sequence[Fault],
    samples: int,
) -> Path:
    """Write the JSON report and return where it is."""
    default = f"chaos-report-{topology}-{seed}.json"
    path = Path(os.environ.get(VARIABLE) or default)
    report = {
        "topology": topology,
        "seconds": seconds,
        "seed": seed,
        "verdict": last_line(verdict),
        **verdict.numbers,
        "explained_by": dict(verdict.explained),
        "samples": samples,
        "lost": verdict.lost,
        "unexplained": verdict.unexplained,
        "violations": verdict.violations,
        "poisoned": verdict.poisoned,
        "faults_by_kind": dict(Counter(fault.kind for fault in faults)),
        "faults": [asdict(fault) for fault in faults],
    }
    path.write_text(json.dumps(report, indent=1) + "\n")
    return path


def histories(
    verdict: Verdict,
    rows: Sequence[Row],
    faults: Sequence[Fault],
    views: dict[str, TaskView | None],
) -> str:
    """Tell what happened to the first tasks that something is wrong with, in order of time."""
    parts = [f"! {what}" for what, task_id in verdict.violations[:20] if not task_id]
    for task_id in verdict.suspects()[:_MOST_HISTORIES]:
        mine = [row for row in rows if row.id == task_id]
        what = [verdict.lost.get(task_id), verdict.unexplained.get(task_id)]
        what += [word for word, other in verdict.violations if other == task_id]
        lines = [
            (row.ms, f"{row.event} {row.token} pid {row.pid} {row.note}".rstrip()) for row in mine
        ]
        view = views.get(task_id)
        if view is not None:
            lines += [
                (entry.at_ms, f"  timeline: {entry.kind} by {entry.worker} {entry.error}".rstrip())
                for entry in view.timeline
            ]
            parts_of_view = f"{view.state}, attempts {view.attempts}, losses {view.losses}"
        else:
            parts_of_view = "unknown to every server"
        first, last = mine[0].ms - _BEFORE_MS, max(at for at, _ in lines) + 1
        for fault in faults:
            if fault.from_ms <= last and fault.to_ms >= first:
                pids = f"ends {fault.ends} drains {fault.drains} freezes {fault.freezes}"
                lines.append((fault.from_ms, f"    fault {fault.kind} {fault.note} {pids}"))
                lines.append((fault.to_ms, f"    healed {fault.kind}"))
        parts.append(f"! {task_id}: {'; '.join(filter(None, what))}; it is {parts_of_view}")
        parts += [f"  {(at - first) / 1000:8.3f} s  {text}" for at, text in sorted(lines)]
    return "\n".join(parts)
