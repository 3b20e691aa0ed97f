"""Look at a worker from outside: over HTTP, as Prometheus, a probe and an autoscaler do."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.support.waiting import wait_until
from tests.support.workers import Worker

_LISTENING = re.compile(r"metrics at (http://127\.0\.0\.1:\d+)/metrics")


class Page(NamedTuple):
    """What was answered.

    Attributes:
        status: Of HTTP.
        kind: Its content type.
        body: Its bytes.
    """

    status: int
    kind: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def address_of(worker: Worker) -> str:
    """Wait until a worker listens on a free port, and return http://host:port."""

    def found() -> str:
        match = _LISTENING.search(worker.log)
        return match[1] if match else ""

    return wait_until(found, "it listens", timeout_s=20)


def fetch(url: str) -> Page:
    """GET a page, whatever its status."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return Page(response.status, response.headers["Content-Type"], response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Page(error.code, error.headers["Content-Type"], error.read())


class Scrape:
    """One reading of /metrics, taken apart by the parser of Prometheus' own client.

    Attributes:
        text: As it was sent.
        samples: Name and labels to value.
    """

    def __init__(self, base: str) -> None:
        page = fetch(f"{base}/metrics")
        assert page.status == 200
        assert page.kind == "text/plain; version=0.0.4; charset=utf-8"
        self.text = page.body.decode()
        self.families = list(text_string_to_metric_families(self.text))
        listed = [
            ((sample.name, frozenset(sample.labels.items())), sample.value)
            for family in self.families
            for sample in family.samples
        ]
        self.samples = dict(listed)
        assert len(self.samples) == len(listed), "a series is there twice"

    def of(self, name: str, **labels: str) -> list[tuple[Mapping[str, str], float]]:
        """Return the samples of a name that have these labels."""
        return [
            (dict(held), value)
            for (sample, held), value in self.samples.items()
            if sample == name and labels.items() <= dict(held).items()
        ]

    def sum(self, name: str, **labels: str) -> float:
        """Add up the samples of a name that have these labels."""
        return sum(value for _, value in self.of(name, **labels))

    def quantile(self, q: float, name: str, **labels: str) -> float:
        """Estimate a quantile as PromQL's histogram_quantile does."""
        buckets: dict[float, float] = {}
        for held, value in self.of(f"{name}_bucket", **labels):
            edge = float(held["le"])
            buckets[edge] = buckets.get(edge, 0.0) + value
        return _quantile(q, sorted(buckets.items()))


def _quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float:
    rank, below, lower = q * buckets[-1][1], 0.0, 0.0
    for edge, count in buckets:
        if count >= rank:
            share = (rank - below) / (count - below)
            return lower if edge == float("inf") else lower + (edge - lower) * share
        below, lower = count, edge
    raise AssertionError("no bucket holds everything")
