"""`rediq dash --once`, as a script meets it; the screens themselves are tested in tests/dash."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Rediq
from tests.support.cli import run
from tests.support.desk import Desk
from tests.support.process import free_port


def test_one_frame_shows_the_queues(rediq: Rediq, desk: Desk) -> None:
    desk.pending("mail", 3)

    ended = rediq("dash", "--once")

    assert (ended.code, "mail" in ended.out) == (0, True)
    assert "\x1b" not in ended.out


def test_one_frame_without_redis_says_so_and_exits_4(rediq: Rediq) -> None:
    ended = rediq("dash", "--once", "--url", f"redis://127.0.0.1:{free_port()}/0")

    assert ended.code == 4
    assert "Redis does not answer" in ended.out
    assert ended.err.startswith("E001 no Redis at ")


def test_without_a_terminal_the_way_out_is_named(rediq: Rediq) -> None:
    ended = rediq("dash")

    assert ended.code == 2
    assert "rediq dash --once" in ended.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--view", "nowhere"), "Views: overview, tasks, workers"),
        (("--theme", "pink"), "Themes: rediq-dark"),
        (("--replay", "/nonexistent/x.rec"), "cannot be read"),
        (("--record", "/nonexistent/x.rec"), "cannot be written"),
        (("--record", "a", "--replay", "b"), "do not go together"),
    ],
)
def test_what_cannot_be_opened_is_named(rediq: Rediq, words: tuple[str, ...], told: str) -> None:
    ended = rediq("dash", "--once", *words)

    assert ended.code == 2
    assert told in ended.err


def test_one_frame_of_a_view_and_a_theme(rediq: Rediq, desk: Desk) -> None:
    desk.pending("mail", 3)

    ended = rediq("dash", "--once", "--view", "workers", "--theme", "mono", "--interval", "2000")

    assert (ended.code, "HOST:PID" in ended.out, "live 2s" in ended.out) == (0, True, True)


def test_a_recording_is_replayed_without_a_server(rediq: Rediq, desk: Desk, tmp_path: Path) -> None:
    desk.pending("mail", 3)
    file = str(tmp_path / "night.rec")
    assert rediq("dash", "--once", "--record", file).code == 0

    ended = run("dash", "--once", "--replay", file, env={"REDIQ_URL": "redis://127.0.0.1:1/0"})

    assert (ended.code, "REPLAY" in ended.out, "mail" in ended.out) == (0, True, True)
