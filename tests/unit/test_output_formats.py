"""JSON is ASCII and exact, words for numbers are right, formats write what they say."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_cli.exit_codes import ExitCode, exit_code_of
from rediq_cli.options import output_format
from rediq_cli.output import humanise
from rediq_cli.output.json import Json, document, iso, line
from rediq_cli.output.pager import pager_command
from rediq_cli.output.progress import Progress
from rediq_cli.output.table import Cell, Column
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.writer import Listing, Output
from rediq_core import errors

LISTING: Listing[tuple[str, int]] = Listing(
    columns=(Column("NAME"), Column("SIZE", is_right=True, is_wide=True)),
    row=lambda item: list[Cell](item),
    record=lambda item: {"name": item[0], "size": item[1]},
    id_of=lambda item: item[0],
)
ITEMS = [("a", 1), ("é\x1b", 2)]


class FakeClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ms(self) -> int:
        return round(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


@given(st.text())
def test_json_is_ascii_and_gives_the_text_back(text: str) -> None:
    written = line({"text": text})

    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == {"text": text}


def test_times_are_iso_with_milliseconds() -> None:
    assert iso(1_770_458_400_007) == "2026-02-07T10:00:00.007Z"
    assert iso(None) is None


def test_a_document_is_one_value() -> None:
    assert document([{"a": 1}]) == '[\n  {\n    "a": 1\n  }\n]'


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("table", "NAME\na\né␛\n"),
        ("wide", "NAME  SIZE\na        1\né␛       2\n"),
        ("jsonl", '{"name":"a","size":1}\n{"name":"\\u00e9\\u001b","size":2}\n'),
        ("ids", "a\né␛\n"),
    ],
)
def test_a_listing_in_each_format(
    output: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Output(output, Terminal()).items(ITEMS, LISTING)

    assert capsys.readouterr().out == expected


def test_a_listing_as_json_is_one_array(capsys: pytest.CaptureFixture[str]) -> None:
    Output("json", Terminal()).items(ITEMS, LISTING)

    assert json.loads(capsys.readouterr().out) == [
        {"name": "a", "size": 1},
        {"name": "é\x1b", "size": 2},
    ]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("table", "line\n"),
        ("json", '{\n  "id": "x"\n}\n'),
        ("jsonl", '{"id":"x"}\n'),
        ("ids", "x\ny\n"),
    ],
)
def test_one_result_in_each_format(
    output: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def record() -> Json:
        return {"id": "x"}

    Output(output, Terminal()).one(lines=lambda: ["line"], record=record, ids=["x", "y"])

    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (200 * 1024, "200 KiB"),
        (5 * 1024**3, "5.0 GiB"),
        (3 * 1024**4, "3.0 TiB"),
    ],
)
def test_sizes(size_bytes: int | None, expected: str) -> None:
    assert humanise.size(size_bytes) == expected


@pytest.mark.parametrize(
    ("per_s", "expected"),
    [(None, "-"), (0, "0"), (0.04, "0.04"), (0.5, "0.5"), (12.34, "12.3"), (1234.5, "1,234")],
)
def test_rates(per_s: float | None, expected: str) -> None:
    assert humanise.rate(per_s) == expected


def test_ages_look_back_and_ahead() -> None:
    assert humanise.ago(1_000, 193_000) == "3m 12s ago"
    assert humanise.ago(7_201_000, 1_000) == "in 2h"
    assert humanise.ago(None, 1_000) == "-"
    assert humanise.duration(None) == "-"


def test_counts_agree_with_their_noun() -> None:
    assert humanise.count(1, "task") == "1 task"
    assert humanise.count(38204, "task") == "38,204 tasks"
    assert humanise.count(2, "retry", "retries") == "2 retries"


@pytest.mark.parametrize(
    ("terminal", "line_count", "env", "expected"),
    [
        (Terminal(), 1000, {}, []),
        (Terminal(is_tty=True, height=24), 10, {}, []),
        (Terminal(is_tty=True, height=24), 100, {}, ["less", "-FIRX"]),
        (Terminal(is_tty=True, height=24), 100, {"PAGER": "more -d"}, ["more", "-d"]),
        (Terminal(is_tty=True, height=24), 100, {"PAGER": "more", "REDIQ_PAGER": ""}, []),
        (Terminal(is_tty=True, height=24), 100, {"PAGER": "cat"}, []),
    ],
)
def test_the_pager_is_for_long_text_on_a_screen(
    terminal: Terminal, line_count: int, env: dict[str, str], expected: list[str]
) -> None:
    assert pager_command(terminal, line_count, env) == expected


def test_progress_waits_before_it_shows_and_clears_its_line() -> None:
    stream, clock = io.StringIO(), FakeClock()
    screen = Terminal(is_tty=True, width=80, height=24)

    with Progress("retried", 1000, stream, screen, clock) as progress:
        progress.advance(500)
        assert stream.getvalue() == ""
        clock.seconds = 0.6
        progress.advance(100, "payment\x1b")
        clock.seconds = 0.7
        progress.advance(100)

    assert stream.getvalue() == "\r\x1b[Kretried 600 of 1,000 after 600ms  payment␛\r\x1b[K"
    assert progress.summary(3, "state changed") == "retried 700 in 700ms (3 skipped: state changed)"


def test_progress_is_silent_off_a_screen() -> None:
    stream, clock = io.StringIO(), FakeClock()

    with Progress("retried", None, stream, Terminal(), clock) as progress:
        clock.seconds = 10
        progress.advance(5)

    assert stream.getvalue() == ""
    assert progress.summary() == "retried 5 in 10s"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.RedisUnavailable("x"), ExitCode.UNREACHABLE),
        (errors.ConfigError("x"), ExitCode.USAGE),
        (errors.InvalidOption("x"), ExitCode.USAGE),
        (errors.TaskNotFound("x"), ExitCode.NOT_FOUND),
        (errors.QueueNotFound("x"), ExitCode.NOT_FOUND),
        (errors.Refused("x"), ExitCode.REFUSED),
        (errors.ResultTimeout("x"), ExitCode.TIMED_OUT),
        (errors.WrongState("x"), ExitCode.FAILED),
        (errors.RediqError("x"), ExitCode.FAILED),
        (KeyError("x"), ExitCode.FAILED),
    ],
)
def test_each_error_has_its_exit_code(error: Exception, expected: ExitCode) -> None:
    assert exit_code_of(error) == expected


def test_json_is_short_for_a_format_and_may_not_contradict_it() -> None:
    assert output_format(None, is_json=True) == "json"
    assert output_format("jsonl", is_json=True) == "jsonl"
    assert output_format("wide", is_json=False) == "wide"
    with pytest.raises(errors.InvalidOption):
        output_format("ids", is_json=True)
    with pytest.raises(errors.InvalidOption):
        output_format("yaml", is_json=False)
