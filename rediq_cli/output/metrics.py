"""The text format of Prometheus as JSON, for scripts that have no parser for it."""

from __future__ import annotations

from rediq_cli.output.json import Json


def sample_records(text: str) -> list[Json]:
    """Return one object a sample: name, labels, value."""
    from prometheus_client.parser import (  # noqa: PLC0415 - start-up: only for --json
        text_string_to_metric_families,
    )

    return [
        {"name": sample.name, "labels": dict(sample.labels), "value": sample.value}
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
