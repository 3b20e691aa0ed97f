"""The dashboard on a real terminal: what it writes there, and how it leaves it."""

from __future__ import annotations

import re
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.cli.test_hostile import CONTROLS, INVISIBLE, plant
from tests.support.desk import NAMESPACE, Desk
from tests.support.servers import standalone
from tests.support.terminal import Terminal, is_on, sequences, text_of

# What Textual's driver writes: colours, cursor, screen, mouse, paste, focus, keyboard, questions.
OWN_SEQUENCES = re.compile(
    rb"""\x1b\[(?:
      [0-9;]*m                                  # colours
    | [0-9;]*[HJKABCD]                          # where to write, what to clear
    | \?(?:7|25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2031|2048)[hl]   # modes
    | \?(?:2026|2048|1016)\$p                   # whether a mode is known
    | [>=<][0-9;]*u | \?u | \?[0-9]*l           # keyboard
    | [56]n | c
    )
    | \x1b\]22;default\x07                        # the pointer's shape
    | [\r\n]""",
    re.VERBOSE,
)


# Foreground or background, of the eight, of the bright eight, of 256 or of all.
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")

# The header says how old what is shown is.
AGE = re.compile(r"data is 1m")


@pytest.fixture
def desk(redis_url: str, redis_client: redis.Redis) -> Iterator[Desk]:
    with Desk(redis_url, redis_client) as desk:
        yield desk


@pytest.fixture
def server(redis_url: str) -> dict[str, str]:
    return {"REDIQ_URL": redis_url, "REDIQ_REDIS_NAMESPACE": NAMESPACE}


def opened(server: dict[str, str], *words: str, size: tuple[int, int] = (120, 35)) -> Terminal:
    """Open a dashboard and wait until it shows something that was read."""
    terminal = Terminal("dash", *words, env=server, size=size)
    terminal.shows("live")
    return terminal


def assert_restored(terminal: Terminal) -> None:
    assert terminal.modes == terminal.modes_before
    assert not is_on(terminal.screen, "1049"), "the alternate screen is still on"
    assert is_on(terminal.screen, "25"), "the cursor is still hidden"
    for mode in ("1000", "1003", "1006", "1004", "2004"):
        assert not is_on(terminal.screen, mode), f"mode {mode} is still on"


def test_hostile_data_writes_nothing_but_our_own_sequences(
    desk: Desk, server: dict[str, str]
) -> None:
    plant(desk)
    with opened(server) as terminal:
        for view, word in (
            ("3", "HOST:PID"),
            ("4", "CRON"),
            ("5", "FIRST"),
            ("6", "fragmentation"),
            ("7", "KIND"),
            ("2", "TRY"),
        ):
            terminal.type(view)
            terminal.shows(word)
        for keys in ("d", "\t", "l", "l", "l", "l", "v", "x", "\x1b"):
            terminal.type(keys)
            terminal.read(0.1)
        terminal.resize(80, 24)
        terminal.type("1jjj\r")
        terminal.read(0.3)
        for _ in range(8):
            terminal.type("l")
            terminal.read(0.1)
        terminal.type("\x03")
        assert terminal.wait() == 0
        screen = terminal.screen

    foreign = {found for found in sequences(screen) if not OWN_SEQUENCES.fullmatch(found)}
    assert foreign == set()
    bad = set(map(chr, (*CONTROLS, *INVISIBLE)))
    assert set(text_of(screen)) & bad == set()
    assert "pwned" in text_of(screen) or "owned" in text_of(screen)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        pytest.param(lambda terminal: terminal.type("\x03"), 0, id="ctrl-c"),
        pytest.param(lambda terminal: terminal.type("q"), 0, id="q", marks=pytest.mark.slow),
        pytest.param(lambda terminal: terminal.kill(signal.SIGTERM), 143, id="SIGTERM"),
        pytest.param(lambda terminal: terminal.kill(signal.SIGHUP), 129, id="SIGHUP"),
        pytest.param(
            lambda terminal: terminal.kill(signal.SIGINT), 130, id="SIGINT", marks=pytest.mark.slow
        ),
    ],
)
def test_the_terminal_is_as_it_was(
    how: object, code: int, desk: Desk, server: dict[str, str]
) -> None:
    desk.pending("mail", 1)
    with opened(server) as terminal:
        assert is_on(terminal.screen, "1049")
        how(terminal)  # type: ignore[operator]  # a function of the terminal
        assert terminal.wait() == code
        assert_restored(terminal)


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(
    desk: Desk, server: dict[str, str]
) -> None:
    desk.pending("mail", 1)
    with opened(server) as terminal:
        terminal.type("\x1a")
        terminal.wait_stopped()
        assert_restored(terminal)

        terminal.kill(signal.SIGCONT)
        terminal.until(lambda seen: is_on(seen, "1049"), "the alternate screen")
        terminal.type("3")
        terminal.shows("HOST")
        terminal.type("\x03")
        assert terminal.wait() == 0
        assert_restored(terminal)


def test_a_terminal_that_is_gone_ends_the_dashboard(desk: Desk, server: dict[str, str]) -> None:
    desk.pending("mail", 1)
    with opened(server) as terminal:
        terminal.hang_up()
        assert terminal._process.wait(10) == 129


CRASH = """
import sys
from rediq_cli.dash.screens.workers import Workers
def show(self, scene):
    password = "hunter2"
    raise KeyError("redis://admin:hunter2@there/0 \\x1b]0;pwned\\x07")
Workers.show = show
sys.argv = ["rediq", "dash"]
from rediq_cli import run
run()
"""


def test_a_defect_leaves_the_terminal_and_no_secret(
    desk: Desk, server: dict[str, str], tmp_path: Path
) -> None:
    desk.pending("mail", 1)
    with Terminal(
        program=(sys.executable, "-c", CRASH), env={**server, "TMPDIR": str(tmp_path)}
    ) as terminal:
        terminal.shows("live")
        terminal.type("3")
        code = terminal.wait()
        assert_restored(terminal)
        shown = text_of(terminal.screen)
        assert b"\x1b]0;" not in terminal.screen

    (log,) = tmp_path.glob("rediq-*-dash.log")
    assert code == 1
    assert "rediq dash ended by a defect: KeyError" in shown
    assert log.name in shown.replace("\n", "")
    assert "hunter2" not in shown + log.read_text()
    assert "Traceback" not in shown
    assert "in show" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.slow
def test_no_mouse_leaves_the_mouse_alone(desk: Desk, server: dict[str, str]) -> None:
    desk.pending("mail", 1)
    with opened(server, "--no-mouse") as terminal:
        terminal.type("q")
        assert terminal.wait() == 0
        assert b"\x1b[?1000h" not in terminal.screen


@pytest.mark.parametrize("value", ["1", pytest.param("", marks=pytest.mark.slow)])
def test_no_color_writes_no_colour_and_an_empty_one_is_no_wish(
    value: str, desk: Desk, server: dict[str, str]
) -> None:
    desk.pending("mail", 1)
    with opened({**server, "NO_COLOR": value}) as terminal:
        terminal.type("jt")
        terminal.shows("15m")
        terminal.type("q")
        assert terminal.wait() == 0
        colours = [found for found in sequences(terminal.screen) if COLOUR.fullmatch(found)]
    assert bool(colours) is (value == "")


@pytest.mark.slow
def test_a_minute_without_redis_is_waited_for_with_its_age_and_no_deed() -> None:
    with standalone(aof=True) as server, server.client() as client:
        with Desk(server.url, client) as desk:
            desk.pending("mail", 3)
        env = {"REDIQ_URL": server.url, "REDIQ_REDIS_NAMESPACE": NAMESPACE}
        with opened(env) as terminal:
            server.kill()
            terminal.shows("Actions are off")
            end_s = time.monotonic() + 60
            while time.monotonic() < end_s:
                terminal.type("3p1p")
                terminal.read(1.0)
            terminal.resize(119, 35)  # what is drawn anew is drawn whole
            terminal.until(lambda seen: AGE.search(text_of(seen)), "an age of a minute")
            server.restart()
            terminal.shows("live")
            terminal.type("q")
            assert terminal.wait() == 0
        with Desk(server.url, client) as desk:
            assert desk.admin.queue("mail").pause is None
