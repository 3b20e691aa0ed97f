"""A log line is one line, whatever the data in it holds."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from rediq_core.worker.logs import JsonLines, TextLines

HOSTILE = "a\r\n12:00:00 ERROR   1 forged\x1b[2J\x9b31m\x07\x00b"


def record_of(message: str, *, fails: bool = False) -> logging.LogRecord:
    info = None
    if fails:
        try:
            raise ValueError(message)
        except ValueError:
            info = sys.exc_info()
    return logging.LogRecord("rediq.task", logging.ERROR, "x.py", 1, message, None, info)


@pytest.mark.parametrize("style", [TextLines, JsonLines])
def test_no_record_breaks_its_line(style: type[logging.Formatter]) -> None:
    line = style().format(record_of(HOSTILE))

    assert line.isprintable()
    assert "forged" in line
    if style is JsonLines:
        assert json.loads(line)["message"] == HOSTILE


def test_a_traceback_has_lines_and_nothing_that_acts() -> None:
    text = TextLines().format(record_of(HOSTILE, fails=True))

    assert all(line.isprintable() for line in text.split("\n"))
    assert text.split("\n")[1].startswith("Traceback")
