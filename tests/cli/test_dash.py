"""`rediq dash --once`, as a script meets it; the screens themselves are tested in tests/dash."""

from __future__ import annotations

from tests.cli.conftest import Rediq
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
