"""Tables line up, fit the screen, and colour nothing where it is not wanted."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_cli.output.states import state_cell
from rediq_cli.output.table import Cell, Column, Grid, Styled, pairs, table
from rediq_cli.output.terminal import Terminal, terminal_of
from rediq_cli.output.width import cells, fit, pad

PIPE = Terminal()
SCREEN = Terminal(is_tty=True, width=80, height=24)
COLOUR = Terminal(is_tty=True, width=80, height=24, has_colour=True)
COLUMNS = (
    Column("QUEUE"),
    Column("PENDING", is_right=True),
    Column("ERROR", is_flexible=True),
)


class FakeScreen(io.StringIO):
    encoding = "UTF-8"

    def isatty(self) -> bool:
        return True


def test_columns_line_up_and_numbers_stand_right() -> None:
    rows: list[list[Cell]] = [["payment", 38204, "timeout"], ["sms", 7, None]]

    assert list(table(COLUMNS, rows, PIPE)) == [
        "QUEUE    PENDING  ERROR",
        "payment    38204  timeout",
        "sms            7  -",
    ]


def test_thousands_are_separated_on_a_screen_only() -> None:
    assert list(table(COLUMNS, [["payment", 38204, ""]], SCREEN))[1] == "payment   38,204"


def test_wide_characters_take_two_cells() -> None:
    lines = list(table(COLUMNS, [["注文", 1, "x"], ["e\u0301te", 2, "y"]], PIPE))

    assert lines == ["QUEUE  PENDING  ERROR", "注文         1  x", "e\u0301te          2  y"]


def test_a_table_without_rows_is_its_heading() -> None:
    assert list(table(COLUMNS, [], PIPE)) == ["QUEUE  PENDING  ERROR"]


def test_cells_are_neutralised() -> None:
    lines = list(table(COLUMNS, [["\x1b[2J", 1, Styled("\r", "red")]], PIPE))

    assert lines[1] == "␛[2J         1  ␍"


def test_flexible_columns_give_way_on_a_narrow_screen() -> None:
    narrow = Terminal(is_tty=True, width=30, height=24)

    lines = list(table(COLUMNS, [["payment", 1, "the bank did not answer"]], narrow))

    assert lines[1] == "payment        1  the bank di…"
    assert cells(lines[1]) == 30


def test_nothing_is_cut_in_a_pipe() -> None:
    text = "x" * 300

    assert list(table(COLUMNS, [["q", 1, text]], PIPE))[1].endswith(text)


def test_a_screen_too_narrow_for_any_column_cuts_the_line() -> None:
    tiny = Terminal(is_tty=True, width=10, height=24, has_colour=True)

    lines = list(table(COLUMNS, [["payment", 1, Styled("text", "red")]], tiny))

    assert [cells(line) for line in lines] == [10, 10]
    assert "\x1b" not in "".join(lines)


def test_colour_surrounds_whole_cells() -> None:
    lines = list(table((Column("STATE"),), [[Styled("dead", "red")]], COLOUR))

    assert lines == ["\x1b[1mSTATE\x1b[0m", "\x1b[31mdead\x1b[0m"]


def test_a_state_is_symbol_word_and_colour() -> None:
    plain = Terminal(has_unicode=False)

    assert state_cell("dead", COLOUR) == Styled("✗ dead", "red")
    assert state_cell("unroutable", COLOUR, "12") == Styled("✗ unroutable 12", "red")
    assert state_cell("dead", plain) == Styled("x dead", "red")


def test_pairs_align_values_and_leave_out_what_is_missing() -> None:
    lines = list(pairs([("id", "01K"), ("priority", 50), ("group", None)], PIPE))

    assert lines == ["id        01K", "priority  50"]


@pytest.mark.parametrize(
    ("env", "no_color", "expected"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, False, True),
        ({"REDIQ_NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colour_on_a_screen(env: dict[str, str], no_color: bool, expected: bool) -> None:
    assert terminal_of(FakeScreen(), no_color=no_color, env=env).has_colour is expected


@pytest.mark.parametrize(
    ("env", "expected"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"CLICOLOR_FORCE": "0"}, False)],
)
def test_colour_in_a_pipe(env: dict[str, str], expected: bool) -> None:
    assert terminal_of(io.StringIO(), env=env).has_colour is expected


def test_a_pipe_is_never_cut() -> None:
    assert terminal_of(io.StringIO(), env={}).width == 0


@given(st.text(), st.integers(1, 40))
def test_a_cut_line_fits(text: str, width: int) -> None:
    assert cells(fit(text, width)) <= width


@given(st.text(max_size=20), st.integers(0, 40))
def test_padding_fills_to_the_width(text: str, width: int) -> None:
    assert cells(pad(text, width)) == max(width, cells(text))


@given(
    st.lists(st.tuples(st.text(max_size=60), st.integers(0), st.text(max_size=200)), max_size=5),
    st.integers(1, 120),
)
def test_no_line_is_wider_than_the_screen(rows: list[tuple[str, int, str]], width: int) -> None:
    screen = Terminal(is_tty=True, width=width, height=24)

    assert all(cells(line) <= width for line in table(COLUMNS, rows, screen))


def test_rows_that_come_later_have_the_room_that_is_left() -> None:
    grid = Grid(COLUMNS, [["sms", 7, "x"]], SCREEN, is_sample_all=False)

    late = "a-queue-of-a-long-name"
    assert list(grid.lines()) == ["QUEUE  PENDING  ERROR", "sms          7  x"]
    assert grid.line(["sms", 12, "e" * 90]) == "sms         12  " + "e" * 63 + "…"
    # A name is whole or nothing, so its line stands out of the columns.
    assert grid.line([late, 1, "y"]).startswith(f"{late}        1  y")
    assert cells(grid.line([late, 1, "e" * 90])) == 80


def test_later_rows_keep_the_columns_that_the_first_had_room_for() -> None:
    spared = (*COLUMNS, Column("WORKER", spare=1))
    narrow = Terminal(is_tty=True, width=39, height=24)
    grid = Grid(spared, [["payment", 1, "x", "host-1234567890"]], narrow, is_sample_all=False)

    assert list(grid.lines()) == ["QUEUE    PENDING  ERROR", "payment        1  x"]
    assert grid.line(["mail", 2, "y", "h"]) == "mail           2  y"
