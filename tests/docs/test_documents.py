"""What documents show can be read by whom it is for: Python, the configuration, the command."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from rediq_core.config.loader import load_settings
from tests.docs.blocks import ROOT, blocks, command_lines, documents
from tests.support.command_lines import check_words

NAMES = [str(path.relative_to(ROOT)) for path in documents()]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_line_is_understood(name: str) -> None:
    refused = {}
    for words in command_lines(ROOT / name):
        try:
            check_words(words)
        except Exception as error:
            refused[" ".join(words)] = str(error)

    assert refused == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_python_block_is_python(name: str) -> None:
    for block in blocks(ROOT / name):
        if block.language == "python":
            compile(block.text, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("name", NAMES)
def test_every_toml_block_is_a_configuration(name: str, tmp_path: Path) -> None:
    for block in blocks(ROOT / name):
        if block.language == "toml":
            path = tmp_path / "config.toml"
            path.write_text(block.text)
            assert load_settings(path, {}, {}, tmp_path).warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text())
    here = (ROOT / name).parent

    assert [
        link for link in links if not link.startswith("http") and not (here / link).exists()
    ] == []


def test_the_documents_show_something() -> None:
    assert sum(len(list(command_lines(ROOT / name))) for name in NAMES) > 40
    assert sum(len(list(blocks(ROOT / name))) for name in NAMES) > 20
