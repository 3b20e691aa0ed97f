"""docs/cli.md is what `make reference` writes, and docs/json.md leads to every schema."""

from __future__ import annotations

import re

from tests.support import reference
from tests.support.cli import ROOT


def test_the_reference_is_current() -> None:
    assert reference.FILE.read_text() == reference.reference(), "run: make reference"


def test_the_index_of_schemas_has_each() -> None:
    page = (ROOT / "docs" / "json.md").read_text()
    schemas = {file.name for file in (ROOT / "docs" / "schemas").iterdir()}

    assert set(re.findall(r"\(schemas/([\w-]+\.json)\)", page)) == schemas
