"""Errors are three parts and an exit code; nothing secret or harmful gets through them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from unittest import mock

import pytest

from rediq_cli.confirm import ask_name, ask_yes
from rediq_cli.diagnostics import DIAGNOSTICS, ReaderGoneError, error_text, guard
from rediq_core.errors import RedisUnavailable, Refused, TaskFailed

CANARY = "c4nary-pw"
COMMAND = ["rediq", "queue", "flush", "dead:payment"]


def raising(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        secret_local = f"redis://:{CANARY}@example.com"
        assert secret_local
        raise error

    return body


@pytest.fixture(autouse=True)
def plain() -> None:
    DIAGNOSTICS.configure(is_quiet=False, is_debug=False, no_color=True)


def test_an_error_is_written_in_three_parts() -> None:
    error = RedisUnavailable(
        "no Redis at redis://localhost:6379/0 (connection refused).",
        cause="Nothing is configured, and no embedded server is running, so I tried the default.",
        next_step="Start one: rediq redis start     Or name yours: --url, REDIQ_URL, [redis] url",
    )

    assert error_text(error) == (
        "E001 no Redis at redis://localhost:6379/0 (connection refused).\n"
        "     Nothing is configured, and no embedded server is running, so I tried the default.\n"
        "     Start one: rediq redis start     Or name yours: --url, REDIQ_URL, [redis] url"
    )


def test_parts_that_are_missing_take_no_line() -> None:
    assert error_text(Refused("no.")) == "E016 no."


def test_text_from_data_cannot_act_or_look_like_another_error() -> None:
    error = TaskFailed("task failed.", task_id="x", cause="boom\x1b[2J\r\nE001 fake")

    assert error_text(error) == "E019 task failed.\n     boom␛[2J\n     E001 fake"


def test_long_text_from_data_is_cut() -> None:
    lines = error_text(TaskFailed("m", task_id="x", cause="x" * 5000 + "\ny" * 50)).splitlines()

    assert max(map(len, lines)) <= 1005
    assert len(lines) == 13


def test_credentials_in_a_text_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    guard(raising(Refused(f"bad url redis://:{CANARY}@example.com/0.")))

    assert CANARY not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "err"),
    [
        (Refused("no."), 5, "E016 no.\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (ReaderGoneError(), 0, ""),
        (
            KeyError("x"),
            1,
            "error KeyError: 'x'\n"
            "     This is a defect in Rediq. To see where, run again with --debug.\n",
        ),
    ],
)
def test_every_way_out_has_its_code_and_words(
    error: BaseException, code: int, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with mock.patch("os.dup2"):  # the test's own stdout stays open
        assert guard(raising(error)) == code

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", err)


def test_debug_shows_the_stack_without_local_values(capsys: pytest.CaptureFixture[str]) -> None:
    DIAGNOSTICS.configure(is_quiet=False, is_debug=True, no_color=True)

    code = guard(raising(KeyError("x")))

    err = capsys.readouterr().err
    assert code == 1
    assert "in body" in err
    assert CANARY not in err


def test_quiet_silences_notes_but_not_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    DIAGNOSTICS.configure(is_quiet=True, is_debug=False, no_color=True)

    DIAGNOSTICS.note("a note")
    DIAGNOSTICS.warn("a\x07 warning")

    assert capsys.readouterr().err == "warn a␇ warning\n"


def test_stderr_that_nobody_reads_changes_no_exit_code() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with mock.patch.object(sys, "stderr", Gone()):
        assert guard(raising(Refused("no."))) == 5


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (
            lambda: ask_yes("Retry 3 tasks?", is_yes=False, command=COMMAND),
            "E016 not confirmed: retry 3 tasks?\n"
            "     There is no terminal to ask on.\n"
            "     To go on: rediq queue flush dead:payment --yes",
        ),
        (
            lambda: ask_name("Flush 3 tasks?", "pay ment", given=None, command=COMMAND),
            "E016 not confirmed: flush 3 tasks?\n"
            "     There is no terminal to ask on.\n"
            "     To go on: rediq queue flush dead:payment --confirm 'pay ment'",
        ),
        (
            lambda: ask_name("Flush 3 tasks?", "payment", given="sms", command=COMMAND),
            "E016 --confirm says 'sms', but this is 'payment'; nothing was changed.\n"
            "     To go on: --confirm payment",
        ),
    ],
)
def test_off_a_terminal_nothing_is_asked_and_the_flag_is_named(
    ask: Callable[[], None], expected: str
) -> None:
    with mock.patch.object(sys, "stdin", io.StringIO("y\n")), pytest.raises(Refused) as caught:
        ask()

    assert error_text(caught.value) == expected


def test_flags_answer_only_their_own_question() -> None:
    with mock.patch.object(sys, "stdin", io.StringIO()):
        ask_yes("Retry 3 tasks?", is_yes=True, command=COMMAND)
        ask_name("Flush 3 tasks?", "payment", given="payment", command=COMMAND)
