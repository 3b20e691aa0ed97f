"""`rediq demo`: orders from nothing, and the whole example with its verdict."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from rediq_cli import demo_full
from rediq_cli.demo_full import FullReport
from tests.support.cli import in_terminal, run
from tests.support.terminal import Terminal

RIGHT = ("orders paid", "2 shipped", "2 shipped", True)
WRONG = ("never paid", "1 timeout", "1 shipped", False)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"REDIQ_HOME": str(tmp_path)}


@pytest.mark.slow
def test_every_order_of_the_demo_is_settled(home: dict[str, str]) -> None:
    ended = run("demo", "--orders", "30", "--seed", "x", "--json", env=home)

    assert ended.code == 0, ended.err
    figures = ended.json
    assert isinstance(figures, dict)
    assert (figures["orders"], figures["paid"], figures["failed"]) == (30, 30, 0)
    assert figures["tasks"] == {"completed": 150}


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_whole_example_ends_with_clean_books(home: dict[str, str]) -> None:
    code, screen = in_terminal("demo", "--full", env=home, timeout_s=150)
    out = screen.decode()

    assert code == 0, out
    assert "ledger clean" in out
    assert "WRONG" not in out
    assert out.count("ok\x1b[0m") == 11
    # On a terminal one line tells how far it is.
    assert re.search(r"\r\x1b\[K.*\d+ tasks to go", out)
    assert "in the middle of the import" in out
    assert list(Path(home["REDIQ_HOME"]).iterdir()) == []


@pytest.mark.parametrize(
    ("report", "code", "last"),
    [
        (FullReport([RIGHT], [], 3.2), 0, "ledger clean, 3 s"),
        (FullReport([RIGHT, WRONG], [], 3), 1, "ledger clean, 1 of 2 not as expected, 3 s"),
        (FullReport([RIGHT], ["order 1: was never shipped"], 3), 1, "1 rule broken, 3 s"),
    ],
)
def test_what_came_out_wrong_is_said_and_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, report: FullReport, code: int, last: str
) -> None:
    monkeypatch.setattr(demo_full, "run_full_demo", lambda *_, **__: report)

    ended = run("demo", "--full")

    assert (ended.code, ended.out.splitlines()[-1]) == (code, last)
    assert all(f"broken  {rule}" in ended.out for rule in report.broken)
    assert ("WRONG" in ended.out) == (WRONG in report.rows)


def test_what_the_example_needs_is_named_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        demo_full, "find_spec", lambda name: None if name == "uvicorn" else found(name)
    )

    ended = run("demo", "--full")

    assert ended.code == 2
    assert ended.err.startswith("E014 the order system's API needs uvicorn.\n")
    assert "make demo ARGS=--full" in ended.err


@pytest.mark.slow
def test_on_a_terminal_the_dashboard_opens_over_live_orders(home: dict[str, str]) -> None:
    with Terminal("demo", env=home, size=(120, 35)) as terminal:
        terminal.shows("live", "inventory", "payment")
        terminal.type("\x03")
        assert terminal.wait() == 0
    assert b"The demo is over" in terminal.screen
