"""Make every fault and write what came of it into `docs/reliability.md`: `make reliability`.

Results are kept in `tests/faults/results.json`, so `--only W3,R13` measures some rows again and
leaves the others. Reports of `make chaos` (`chaos-report-*.json`, where it was run) are taken in if
they are there. Exits with 1 if a test failed, was skipped or did not run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.faults.matrix import MATRIX
from tests.faults.rows import Row
from tests.support.figures import FIGURES_VARIABLE
from tests.support.process import engine

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- measured: written by make reliability -->", "<!-- end of what was measured -->"

Results = dict[str, Any]


def measure(rows: list[Row], more: list[str]) -> Results:
    """Run the tests of rows; returns by fault what passed, what did not, and the figures."""
    with tempfile.TemporaryDirectory(prefix="rediq-faults-") as folder:
        report, figures = Path(folder, "report.xml"), Path(folder, "figures.jsonl")
        figures.touch()
        nodes = sorted({f"tests/{test}" for row in rows for test in row.tests})
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *more, *nodes]
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, FIGURES_VARIABLE: str(figures)}, check=False
        )
        outcomes = _outcomes(report)
        measured = [json.loads(line) for line in figures.read_text().splitlines()]
    version = ".".join(map(str, engine().version))
    where = f"{engine().product} {version}, Python {platform.python_version()}"
    found: Results = {}
    for row in rows:
        ended = {test: outcomes.get(test, ["not run"]) for test in row.tests}
        found[row.fault] = {
            "at": time.strftime("%Y-%m-%d", time.gmtime()),
            "where": where,
            "tests": {test: sorted(set(words)) for test, words in ended.items()},
            "runs": sum(len(words) for words in ended.values()),
            "figures": [figure for figure in measured if figure["fault"] == row.fault],
        }
    return found


def _outcomes(report: Path) -> dict[str, list[str]]:
    """Return how each run of each test ended, by its name in the matrix."""
    outcomes: dict[str, list[str]] = defaultdict(list)
    for case in ET.parse(report).getroot().iter("testcase"):
        path = case.attrib["classname"].removeprefix("tests.").replace(".", "/")
        name = case.attrib["name"].partition("[")[0]
        bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        outcomes[f"{path}.py::{name}"].append(bad[0] if bad else "passed")
    return outcomes


def is_good(result: Results) -> bool:
    """Say whether every test of a row ran and passed."""
    return all(words == ["passed"] for words in result["tests"].values())


def render(results: Results, chaos: list[Results]) -> str:
    """Return the tables of the page."""
    lines = ["| | what happens | what comes of it | tests | measured |", "|---|---|---|---|---|"]
    for row in MATRIX:
        result = results.get(row.fault)
        if result is None:
            lines.append(f"| {row.fault} | {row.what} | {row.outcome} | not run | |")
            continue
        tests = f"{result['runs']} passed" if is_good(result) else f"**{_trouble(result)}**"
        figures = "<br>".join(_figure(figure) for figure in result["figures"])
        lines.append(f"| {row.fault} | {row.what} | {row.outcome} | {tests} | {figures} |")
    places = sorted({result["where"] for result in results.values()})
    days = sorted({result["at"] for result in results.values()})
    lines += ["", f"{', '.join(days)}; {'; '.join(places)}; {os.cpu_count()} cores, loopback.", ""]
    if chaos:
        lines += ["| chaos | seconds | seed | faults | verdict |", "|---|---|---|---|---|"]
    for run in chaos:
        cells = (run["topology"], run["seconds"], run["seed"], run["faults"], run["verdict"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines).rstrip() + "\n"


def _trouble(result: Results) -> str:
    bad = {word for words in result["tests"].values() for word in words if word != "passed"}
    return ", ".join(sorted(bad))


def _figure(figure: Results) -> str:
    value, unit = figure["value"], figure["unit"]
    shown = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    text = f"{figure['what']}: **{shown} {unit}**"
    if figure["at_most"] is None:
        return text
    text += f" (≤ {figure['at_most']:,g}"
    return text + (f", strain {figure['strain']:g})" if figure["strain"] > 1.2 else ")")


def write_page(results: Results, chaos: list[Results]) -> None:
    """Put the tables between their marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page = f"{before}{BEGIN}\n\n{render(results, chaos)}\n{END}{after}"
    PAGE.write_text(page, encoding="utf-8")


def chaos_reports() -> list[Results]:
    """Return the reports of `make chaos` that lie here."""
    paths = sorted(Path.cwd().glob("chaos-report-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _short(report: Results) -> Results:
    """Return of a long report what the page needs."""
    words = ("topology", "seconds", "seed", "verdict")
    return {**{word: report[word] for word in words}, "faults": len(report["faults"])}


def main() -> int:
    """Measure, keep, write the page."""
    parser = argparse.ArgumentParser(prog="make reliability", description=__doc__)
    parser.add_argument("--only", help="faults, by commas")
    parser.add_argument("--render", action="store_true", help="run nothing, write the page")
    words, more = parser.parse_known_args()
    stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    kept: Results = stored.get("faults", {})
    chaos = [_short(run) for run in chaos_reports()] or stored.get("chaos", [])
    only = words.only.split(",") if words.only else [row.fault for row in MATRIX]
    rows = [] if words.render else [row for row in MATRIX if row.fault in only]
    if rows:
        kept |= measure(rows, more)
        text = json.dumps({"faults": kept, "chaos": chaos}, indent=1, ensure_ascii=False)
        RESULTS.write_text(text + "\n", encoding="utf-8")
    write_page(kept, chaos)
    wrong = [row.fault for row in MATRIX if row.fault not in kept or not is_good(kept[row.fault])]
    print(f"{len(MATRIX) - len(wrong)} of {len(MATRIX)} faults hold. {PAGE.relative_to(ROOT)}")
    if wrong:
        print("not: " + ", ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
