"""What a command prints as JSON is what its schema in docs/schemas says, and nothing more.

The output is that of the golden files, which is the commands' own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.cli.golden_cases import LIVE
from tests.cli.test_goldens import LEAVES, golden
from tests.support.cli import ROOT

SCHEMAS = ROOT / "docs" / "schemas"
# A frame of the dashboard and a worker's log are no results.
WITHOUT_JSON = {"dash", "worker start"}
PATHS = [path for path in LEAVES if path not in WITHOUT_JSON]
COMMAND = re.compile(r"^\$ (?:.* \| )?rediq .*-o (json|jsonl)$")
# What `volatile` wrote instead of a figure.
FIGURE = re.compile(r'("\w+": ?)N(?=[,\n}])')


def schema_file(path: str) -> Path:
    return SCHEMAS / f"{path.replace(' ', '-')}.json"


@cache
def registry() -> Registry[Any]:
    files = {file.name: json.loads(file.read_text()) for file in SCHEMAS.glob("*.json")}
    return Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in files.items()
    )


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, registry=registry())


def printed(path: str) -> Iterator[tuple[str, str]]:
    """Yield the format and the stdout of each command line that printed JSON."""
    kept = golden(path).read_text() + (golden(path, ".live").read_text() if path in LIVE else "")
    for block in re.split(r"(?m)^(?=\$ )", kept):
        line, _, rest = block.partition("\n")
        found = COMMAND.match(line)
        out = re.split(r"(?m)^--- (?:stderr|exit)", rest)[0]
        if found and out.strip():
            yield found[1], FIGURE.sub(r"\g<1>1", out).replace('"ENGINE"', '"valkey"')


def test_every_command_has_a_schema_and_every_schema_a_command() -> None:
    assert {file.name for file in SCHEMAS.iterdir()} == {
        "defs.json",
        *(schema_file(path).name for path in PATHS),
    }


@pytest.mark.parametrize("path", PATHS)
def test_what_is_printed_is_what_the_schema_says(path: str) -> None:
    schema = json.loads(schema_file(path).read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == f"rediq {path} --json"

    outputs = list(printed(path))

    assert outputs, "its golden file shows no JSON"
    for form, text in outputs:
        if form == "json":
            values = [json.loads(text)]
        elif _is_list(schema):
            values = [[json.loads(line)] for line in text.splitlines()]
        else:
            values = [json.loads(line) for line in text.splitlines()]
        for value in values:
            errors = [error.message for error in validator(schema).iter_errors(value)]
            assert errors == [], text


def _is_list(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "array" or schema["title"].startswith("rediq task export")


def test_no_object_has_fields_that_no_schema_tells() -> None:
    """Each object is closed, or says itself what its members are."""
    open_ones = [
        f"{file.name}: {where}"
        for file in SCHEMAS.glob("*.json")
        for where, schema in _objects(json.loads(file.read_text()), "$")
        if "properties" in schema and schema.get("additionalProperties") is not False
    ]

    assert open_ones == []


def _objects(schema: object, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield where, schema
        for name, inner in schema.items():
            yield from _objects(inner, f"{where}.{name}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from _objects(inner, where)
