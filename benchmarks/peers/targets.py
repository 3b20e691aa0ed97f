"""What Rediq promises to reach, checked against the results of one run.

Bounds are ratios inside the run where another queue is the yardstick, and plain figures where the
machine hardly matters. A target whose measurements are missing is said to be so, never passed.
"""

from dataclasses import dataclass

from benchmarks.peers.report import (
    COLUMNS,
    Column,
    Results,
    best_python_peer,
    markdown_table,
    median,
    paired_ratio,
)

SUBJECT = "rediq"
BEST_PYTHON = "best Python peer"


@dataclass(frozen=True)
class Target:
    """One promise.

    Attributes:
        case: which case, and `number` which of its figures.
        reference: the peer it is a multiple of, or None for a plain figure.
        must: the bound; a least value where more is better, else a most value.
        moonshot: the bound we would like, or None.
    """

    case: str
    number: str
    reference: str | None
    must: float
    moonshot: float | None = None

    @property
    def column(self) -> Column:
        """The report's column for the same figure."""
        return next(c for c in COLUMNS if (c.case, c.number) == (self.case, self.number))

    def measured(self, results: Results) -> float | None:
        """The ratio or figure of this run; None if it cannot be computed."""
        if self.reference is None:
            return median(results, SUBJECT, self.case, self.number)
        reference: str | None = self.reference
        if reference == BEST_PYTHON:
            reference = best_python_peer(results, self.column)
        if reference is None:
            return None
        return paired_ratio(results, SUBJECT, reference, self.column)

    def is_met(self, measured: float, bound: float) -> bool:
        """Whether a measurement keeps a bound."""
        return measured >= bound if self.column.higher_is_better else measured <= bound

    def bound_text(self, bound: float) -> str:
        """The bound as a reader sees it: `≥ 2.2 x bullmq`, `≤ 600`."""
        sign = "≥" if self.column.higher_is_better else "≤"
        suffix = f" x {self.reference}" if self.reference else ""
        return f"{sign} {bound:g}{suffix}"


TARGETS = (
    Target("drain1", "tasks_per_s", "bullmq", must=2.2, moonshot=3.3),
    Target("drain1", "tasks_per_s", BEST_PYTHON, must=10.0),
    Target("drain2", "tasks_per_s", "bullmq", must=2.5, moonshot=4.5),
    Target("enqueue50", "tasks_per_s", "bullmq", must=1.8, moonshot=2.5),
    Target("bulk", "tasks_per_s", "bullmq", must=2.5),
    Target("enqueue1", "tasks_per_s", "huey", must=1.0, moonshot=1.2),
    Target("latency", "p50_ms", "sidekiq", must=0.9, moonshot=0.6),
    Target("latency", "p99_ms", "huey", must=1.2, moonshot=1.0),
    Target("idle", "reads_per_s", None, must=1.0, moonshot=0.4),
    Target("idle", "core_percent", None, must=0.3),
    Target("idle", "pss_mb", None, must=60.0, moonshot=45.0),
    Target("memory", "bytes_per_task", None, must=600.0, moonshot=450.0),
)


def verdicts(results: Results) -> str:
    """A table of every target with what this run measured, or "" without Rediq in it."""
    if SUBJECT not in results["peers"] or results["peers"][SUBJECT]["unavailable"]:
        return ""
    body = [_row(target, results) for target in TARGETS]
    return "Targets:\n\n" + markdown_table(["", "must", "measured", "verdict"], body)


def _row(target: Target, results: Results) -> list[str]:
    """One target and its verdict."""
    measured = target.measured(results)
    title = target.column.title.removesuffix(" /s")
    if measured is None:
        return [title, target.bound_text(target.must), "–", "not measured"]
    verdict = "met" if target.is_met(measured, target.must) else "**missed**"
    if target.moonshot is not None and target.is_met(measured, target.moonshot):
        verdict = f"met, and {target.bound_text(target.moonshot)}"
    return [title, target.bound_text(target.must), f"{measured:.2f}", verdict]
