"""What the guide and the examples of monitoring name is what the code serves."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import rediq_core
from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.metrics.exposition import MAX_QUEUES, Reading, expose_queues, expose_worker
from rediq_core.metrics.meter import MAX_ERRORS, MAX_PAIRS, Meter
from rediq_core.metrics.scaling import DEFAULT_TARGET_S, scale_document
from rediq_core.metrics.tallies import BOUNDS_S, Tallies
from rediq_core.model.history import Histogram
from rediq_core.model.state import TaskState
from rediq_core.model.views import QueueView
from rediq_core.worker.monitoring import Monitor
from tests.support.duty import duty_desk

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
GUIDE = (ROOT / "docs" / "monitoring.md").read_text()
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yml").read_text())
# A name of ours, not a part of a recorded series' name.
NAME = re.compile(r"(?<![\w:])rediq_[a-z_]+(?![\w:])")
THRESHOLDS = {
    "RediqPendingHigh": "1000",
    "RediqRetryHigh": "100",
    "RediqDeadHigh": "10",
    "RediqTaskSlow": "5",
    "RediqErrorsHigh": "10",
}


class Metric(NamedTuple):
    """A family as people write it."""

    name: str
    kind: str
    labels: frozenset[str]


def view() -> QueueView:
    return QueueView("q", 0, {TaskState.PENDING: 300}, run=Histogram({}))


def exposed() -> list[Any]:
    """Return the families of a worker on which everything has happened once."""
    meter, tallies = Meter(["q"]), Tallies()
    tallies.finished("t", 0.1, 0.1)
    tallies.failed("t", "E", is_dead=True)
    meter.add("q", tallies.take())
    text = expose_worker(meter, Reading(is_connected=True, queues=[view()], slots=1)).decode()
    return list(text_string_to_metric_families(text))


def metrics() -> list[Metric]:
    found = []
    for family in exposed():
        labels = frozenset(family.samples[0].labels) - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append(Metric(name, family.type, labels))
    return found


def sample_names() -> set[str]:
    return {sample.name for family in exposed() for sample in family.samples}


def rules() -> Iterator[dict[str, Any]]:
    for group in RULES["groups"]:
        yield from group["rules"]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """Return every query of the dashboard, its variables replaced as Grafana does."""
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [q.replace("$queue", ".*").replace("$__rate_interval", "1m") for q in queries]


def test_rules_and_dashboard_use_only_series_that_a_worker_serves() -> None:
    series = sample_names()
    used = [rule["expr"] for rule in rules()] + expressions()
    used += [variable.get("definition", "") for variable in DASHBOARD["templating"]["list"]]
    names = {name for text in used for name in NAME.findall(text)}

    assert names - series == set()
    # What is served and shown nowhere is worth nothing: only parts of histograms may be.
    shown = {family.name for family in exposed() if any(n.startswith(family.name) for n in names)}
    assert {family.name for family in exposed()} - shown == set()


def test_labels_in_rules_and_dashboard_are_those_of_the_metrics() -> None:
    labels = {name for metric in metrics() for name in metric.labels} | {"le", "instance"}
    for text in [rule["expr"] for rule in rules()] + expressions():
        grouped = {
            name.strip() for by in re.findall(r"by \(([^)]*)\)", text) for name in by.split(",")
        }
        assert grouped <= labels, text
    for rule in rules():
        told = " ".join(rule.get("annotations", {}).values())
        assert set(re.findall(r"\$labels\.(\w+)", told)) <= labels, told


def test_recorded_series_that_alerts_use_are_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for rule in rules() for name in re.findall(r"\w+:\w+:\w+", rule["expr"])}

    assert used <= recorded


def test_the_five_thresholds_are_those_of_the_guide() -> None:
    found = {
        rule["alert"]: rule["expr"].split(" > ")[1]
        for rule in rules()
        if rule.get("alert") in THRESHOLDS
    }
    told = dict(re.findall(r"^\| [^|]+\| `(\w+)` \| over (\d+)", GUIDE, re.MULTILINE))

    assert found == THRESHOLDS
    assert told == THRESHOLDS


def test_every_alert_has_a_test_of_its_own() -> None:
    tests: dict[str, Any] = yaml.safe_load((FOLDER / "rules_test.yml").read_text())
    tested = {each["alertname"] for test in tests["tests"] for each in test["alert_rule_test"]}

    assert {rule["alert"] for rule in rules() if "alert" in rule} == tested


def test_the_dashboard_can_be_imported_anywhere() -> None:
    everything = DASHBOARD["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    for panel in panels():
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source["uid"] == "${datasource}" for source in sources), panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references), panel["title"]
    for one, other in combinations((panel["gridPos"] for panel in everything), 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_apart
        assert one["x"] + one["w"] <= 24


def test_prometheus_accepts_rules_configuration_and_every_query(tmp_path: Path) -> None:
    # The names were checked above, with or without it; this is about the language.
    promtool = shutil.which("promtool")
    if promtool is None:
        return
    queries = [{"record": f"q:{i}:x", "expr": text} for i, text in enumerate(expressions())]
    (tmp_path / "queries.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": queries}]})
    )
    for words in (
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules.yml"],
        ["test", "rules", "rules_test.yml"],
        ["check", "rules", str(tmp_path / "queries.yml")],
    ):
        ended = subprocess.run([promtool, *words], cwd=FOLDER, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def rows_after(heading: str) -> list[list[str]]:
    section = GUIDE.split(f"{heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_guide_lists_every_metric_with_type_and_labels() -> None:
    told = [
        Metric(name.strip("`"), kind, frozenset(re.findall(r"\w+", labels)))
        for name, kind, labels, _ in rows_after("## Metrics")
    ]

    assert told == metrics()


def test_the_metrics_without_a_worker_are_some_of_the_same() -> None:
    text = expose_queues(Reading(is_connected=True, queues=[view()])).decode()
    families = {(f.name, f.type) for f in text_string_to_metric_families(text)}

    assert families < {(f.name, f.type) for f in exposed()}


def test_the_guide_tells_buckets_and_bounds() -> None:
    flat = " ".join(GUIDE.split())
    told = re.search(r"Buckets of both histograms, in seconds: ([^+]*), \+Inf\.", flat)

    assert told is not None
    assert tuple(map(float, told[1].split(", "))) == BOUNDS_S
    assert f"{MAX_PAIRS} pairs of queue and type and {MAX_ERRORS} errors" in flat
    assert f"queues beyond {MAX_QUEUES}" in flat
    assert f"{DEFAULT_TARGET_S:g} if it is not said" in flat


async def test_the_guide_lists_the_pages() -> None:
    async with duty_desk("redis://127.0.0.1:1", ["q"]) as desk:
        pages = list(Monitor(desk, SYSTEM_CLOCK).pages())

    assert [row[0].strip("`") for row in rows_after("# Monitoring")][: len(pages)] == pages


def test_the_guide_shows_a_scale_document_as_it_is() -> None:
    shown = json.loads(GUIDE.split("```json\n", 1)[1].split("```", 1)[0])
    made = scale_document([view()], 10, 60.0)

    def shape(document: Any) -> object:
        if isinstance(document, dict):
            return [(k, shape(v)) for k, v in document.items() if k != "queues"]
        return type(document)

    assert shape(shown) == shape(made)
    (of_queue,) = shown["queues"].values()
    assert shape(of_queue) == shape(made["queues"]["q"])  # type: ignore[index]  # a document
    manifests = [
        yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    ]
    (trigger,) = manifests[0]["spec"]["triggers"]
    assert trigger["metadata"]["valueLocation"] in made
    (metric,) = manifests[1]["spec"]["metrics"]
    assert metric["external"]["metric"]["name"] in sample_names()


@pytest.mark.parametrize("name", re.findall(r"`(\w+Middleware)`", GUIDE))
def test_the_guide_names_middlewares_that_there_are(name: str) -> None:
    assert name in rediq_core.__all__


def test_the_guide_names_the_attributes_of_a_span() -> None:
    source = (ROOT / "rediq_core" / "handlers" / "tracing.py").read_text()
    set_there = set(re.findall(r'"((?:messaging|rediq)\.[a-z_.]+)":', source))
    told = set(re.findall(r"`((?:messaging|rediq)\.[a-z_.]+)`", GUIDE))

    assert told == set_there
