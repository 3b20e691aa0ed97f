"""Turn result rows into Markdown: medians, spread, and ratios paired inside rounds.

A ratio is the median over rounds of (peer in this round / reference in this round): a machine that
slows down between rounds moves both. Reads only the JSON, so a report can be made again later.
"""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Results = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One figure of the overview: where it comes from and which way is better."""

    title: str
    case: str
    number: str
    show: str
    higher_is_better: bool = True


COLUMNS = (
    Column("enqueue, one at a time /s", "enqueue1", "tasks_per_s", "{:,.0f}"),
    Column("enqueue, 50-way /s", "enqueue50", "tasks_per_s", "{:,.0f}"),
    Column("bulk enqueue /s", "bulk", "tasks_per_s", "{:,.0f}"),
    Column("drain, 1 process /s", "drain1", "tasks_per_s", "{:,.0f}"),
    Column("drain, 2 processes /s", "drain2", "tasks_per_s", "{:,.0f}"),
    Column("idle latency p50 ms", "latency", "p50_ms", "{:.2f}", higher_is_better=False),
    Column("p99 ms", "latency", "p99_ms", "{:.2f}", higher_is_better=False),
    Column("idle commands/s", "idle", "commands_per_s", "{:.1f}", higher_is_better=False),
    Column("idle reads/s", "idle", "reads_per_s", "{:.1f}", higher_is_better=False),
    Column("idle % of a core", "idle", "core_percent", "{:.2f}", higher_is_better=False),
    Column("idle PSS MB", "idle", "pss_mb", "{:.0f}", higher_is_better=False),
    Column("bytes per pending task", "memory", "bytes_per_task", "{:,.0f}", higher_is_better=False),
)
_RATIO_NUMBERS = ("tasks_per_s", "p50_ms", "p99_ms", "bytes_per_task")
_REFERENCES = ("bullmq", "best Python peer", "huey", "sidekiq")


def markdown(results: Results, *, subject: str = "rediq") -> str:
    """The whole report: machine, medians, ratios of `subject`, CPU per task, kills, failures."""
    parts = [
        _machine(results),
        _overview(results),
        _ratios(results, subject),
        _costs(results),
        _kills(results),
        _failures(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def median(results: Results, peer: str, case: str, number: str) -> float | None:
    """The median over rounds, or None if the peer has no such number."""
    values = list(_by_round(results, peer, case, number).values())
    return statistics.median(values) if values else None


def best_python_peer(results: Results, column: Column) -> str | None:
    """The other Python queue with the best median for a column."""
    medians = {
        name: median(results, name, column.case, column.number)
        for name, peer in results["peers"].items()
        if peer["is_python"]
    }
    known = {name: value for name, value in medians.items() if value is not None}
    if not known:
        return None
    choose: Callable[..., str] = max if column.higher_is_better else min
    return choose(known, key=known.__getitem__)


def paired_ratio(results: Results, peer: str, reference: str, column: Column) -> float | None:
    """Median over the rounds both finished of peer / reference; None if there is no such round."""
    ours = _by_round(results, peer, column.case, column.number)
    theirs = _by_round(results, reference, column.case, column.number)
    ratios = [ours[turn] / theirs[turn] for turn in ours.keys() & theirs.keys() if theirs[turn]]
    return statistics.median(ratios) if ratios else None


def _by_round(results: Results, peer: str, case: str, number: str) -> dict[int, float]:
    """Round -> value, of the rounds that succeeded."""
    return {
        row["round"]: row["numbers"][number]
        for row in results["rows"]
        if row["peer"] == peer and row["case"] == case and number in row.get("numbers", {})
    }


def _machine(results: Results) -> str:
    """The conditions, in one paragraph."""
    machine, settings = results["machine"], results["settings"]
    return (
        f"{machine['cores']} cores of {machine['cpu']}, {machine['server']} on loopback without "
        f"persistence, Python {machine['python']}, commit {machine['commit']}, "
        f"{machine['started']}, load average at the start {machine['load_average'][0]}. "
        f"Medians of {settings['rounds']} interleaved rounds (lowest–highest)."
    )


def _overview(results: Results) -> str:
    """One line per peer with the medians."""
    cases = {row["case"] for row in results["rows"]}
    columns = [column for column in COLUMNS if column.case in cases]
    if not columns:
        return ""
    body = []
    for name, peer in results["peers"].items():
        if peer["unavailable"]:
            body.append([peer["label"], *("unavailable" for _ in columns)])
        else:
            body.append([peer["label"], *(_cell(results, name, column) for column in columns)])
    return markdown_table(["", *(column.title for column in columns)], body)


def _cell(results: Results, peer: str, column: Column) -> str:
    """A median with its spread, a dash for what a peer does not offer, or "failed"."""
    values = sorted(_by_round(results, peer, column.case, column.number).values())
    rows = [r for r in results["rows"] if r["peer"] == peer and r["case"] == column.case]
    failed = sum(row["status"] == "failed" for row in rows)
    if not values:
        return "failed" if failed else "–"
    text = column.show.format(statistics.median(values))
    if len(values) > 1:
        text += f" ({column.show.format(values[0])}–{column.show.format(values[-1])})"
    return text + (f", {failed} failed" if failed else "")


def _ratios(results: Results, subject: str) -> str:
    """How `subject` compares with each reference; above 1 is more, whichever way is better."""
    body = []
    for column in COLUMNS:
        if column.number not in _RATIO_NUMBERS:
            continue
        cells = [_ratio_cell(results, subject, reference, column) for reference in _REFERENCES]
        if any(cell != "–" for cell in cells):
            body.append([column.title.removesuffix(" /s"), *cells])
    if not body:
        return ""
    label = results["peers"][subject]["label"]
    return f"{label} divided by:\n\n" + markdown_table(["", *_REFERENCES], body)


def _ratio_cell(results: Results, subject: str, reference: str, column: Column) -> str:
    """One ratio; the best Python peer is named."""
    name = best_python_peer(results, column) if reference == "best Python peer" else reference
    ratio = paired_ratio(results, subject, name, column) if name else None
    if ratio is None:
        return "–"
    return f"{ratio:.2f}" + (f" ({name})" if reference == "best Python peer" else "")


def _costs(results: Results) -> str:
    """CPU per task of server and workers, which explain the rates."""
    columns = [
        ("server µs, enqueue 1", "enqueue1", "server_us"),
        ("50-way", "enqueue50", "server_us"),
        ("bulk", "bulk", "server_us"),
        ("server µs, drain 1", "drain1", "server_us"),
        ("worker µs, drain 1", "drain1", "worker_us"),
        ("server µs, drain 2", "drain2", "server_us"),
        ("worker µs, drain 2", "drain2", "worker_us"),
    ]
    body = []
    for name, peer in results["peers"].items():
        values = [median(results, name, case, number) for _, case, number in columns]
        if any(value is not None for value in values):
            shown = ("–" if value is None else f"{value:.1f}" for value in values)
            body.append([peer["label"], *shown])
    if not body:
        return ""
    return "CPU per task:\n\n" + markdown_table(["", *(title for title, _, _ in columns)], body)


def _kills(results: Results) -> str:
    """What became of the tasks of killed workers."""
    titles = {"kill": "kill -9 of the whole worker", "killchild": "kill -9 of one task process"}
    body = []
    for name, peer in results["peers"].items():
        cells = [_outcomes(results["rows"], name, case) for case in titles]
        if any(cell != "–" for cell in cells):
            body.append([peer["label"], *cells])
    return markdown_table(["", *titles.values()], body) if body else ""


def _outcomes(rows: Iterable[Row], peer: str, case: str) -> str:
    """The outcomes of all rounds, or a dash."""
    found = []
    for row in rows:
        if row["peer"] == peer and row["case"] == case:
            if row["status"] == "failed":
                found.append("failed")
            elif "outcome" in row["numbers"]:
                found.append(row["numbers"]["outcome"])
    return "; ".join(found) or "–"


def _failures(results: Results) -> str:
    """Everything that did not work, in words."""
    lines = [
        f"* {peer['label']}: {peer['unavailable']}"
        for peer in results["peers"].values()
        if peer["unavailable"]
    ]
    lines += [
        f"* {results['peers'][row['peer']]['label']}, {row['case']}, round {row['round'] + 1}: "
        f"{row['error']}"
        for row in results["rows"]
        if row["status"] == "failed"
    ]
    return "Failed or absent:\n\n" + "\n".join(lines) if lines else ""


def markdown_table(head: list[str], body: list[list[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
