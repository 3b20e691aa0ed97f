"""Command lines are read as written, and what cannot be read says what would be right."""

from __future__ import annotations

import subprocess

import pytest

from rediq_cli import __version__
from rediq_cli.argv import take_globals
from tests.support.cli import PROGRAM, clean_environment, in_terminal, run, run_process

NO_SERVER = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("words", "code", "err"),
    [
        (
            ["qeue"],
            2,
            "E005 there is no command 'qeue'. Did you mean queue?\n     See: rediq --help\n",
        ),
        (["xyzzy"], 2, "E005 there is no command 'xyzzy'.\n     See: rediq --help\n"),
        (["--verbose"], 2, "E005 there is no option '--verbose'.\n     See: rediq --help\n"),
        (
            ["config", "shw"],
            2,
            "E005 no such command 'shw'. Did you mean 'show'?\n     See: rediq config --help\n",
        ),
        (
            ["config", "show", "--orgin"],
            2,
            "E005 no such option: --orgin (Possible options: --json, --origin)\n"
            "     See: rediq config show --help\n",
        ),
        (
            ["config", "set", "worker.concurrency"],
            2,
            "E005 missing argument 'VALUE'.\n     See: rediq config set --help\n",
        ),
        (
            ["config", "show", "--url"],
            2,
            "E005 option '--url' requires an argument.\n     See: rediq config show --help\n",
        ),
        (
            ["config", "show", "-o", "yaml"],
            2,
            "E005 there is no output format 'yaml'.\n"
            "     Formats are table, wide, json, jsonl, ids.\n"
            "     See: rediq help output\n",
        ),
        (
            ["help", "exit-code"],
            2,
            "E005 there is no help on 'exit-code'. Did you mean exit-codes?\n"
            "     See: rediq --help\n",
        ),
    ],
)
def test_a_mistyped_command_line_exits_2_and_says_what_is_right(
    words: list[str], code: int, err: str
) -> None:
    ended = run(*words)

    assert (ended.code, ended.out, ended.err) == (code, "", err)


@pytest.mark.parametrize(
    "words",
    [
        ["-o", "json", "config", "show", "worker.concurrency"],
        ["config", "-o", "json", "show", "worker.concurrency"],
        ["config", "show", "worker.concurrency", "-o", "json"],
        ["config", "show", "-ojson", "worker.concurrency"],
        ["-ojson", "config", "show", "worker.concurrency"],
        ["--output=json", "config", "show", "worker.concurrency"],
        ["--json", "config", "show", "worker.concurrency"],
        ["-q", "config", "--no-color", "show", "worker.concurrency", "--json"],
    ],
)
def test_global_options_work_before_between_and_behind(words: list[str]) -> None:
    ended = run(*words)

    assert (ended.code, ended.json) == (
        0,
        [{"key": "worker.concurrency", "value": 10, "origin": "default"}],
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ([], [])),
        (["queue", "-q"], ([], ["queue", "-q"])),
        (["-q", "queue"], (["-q"], ["queue"])),
        (["--url", "x", "queue"], (["--url", "x"], ["queue"])),
        (["--url"], (["--url"], [])),
        (["-o", "-q", "queue"], (["-o", "-q"], ["queue"])),
        (["--", "-q"], ([], ["--", "-q"])),
        (["-h", "-q"], ([], ["-h", "-q"])),
        (["--urls=x", "queue"], ([], ["--urls=x", "queue"])),
    ],
)
def test_only_leading_global_options_are_taken(
    words: list[str], expected: tuple[list[str], list[str]]
) -> None:
    assert take_globals(words) == expected


def test_a_double_dash_ends_the_options() -> None:
    ended = run("config", "show", "--", "--json")

    assert ended.code == 2
    assert "no setting is called '--json'" in ended.err


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_the_version_is_one_line(word: str) -> None:
    assert run_process(word).out == f"rediq {__version__}\n"
    assert run("-q", word).out == f"rediq {__version__}\n"


def test_hostile_words_are_neutralised_in_errors() -> None:
    code, screen = in_terminal("\x1b]0;owned\x07qeue\u202e")

    assert code == 2
    assert b"\x1b]" not in screen
    assert b"\x07" not in screen
    assert "\u202e".encode() not in screen


def test_a_reader_that_goes_away_is_no_failure() -> None:
    script = " ".join(PROGRAM) + " config show | head -1; echo ${PIPESTATUS[0]}"

    ended = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=clean_environment()
    )

    assert (ended.stdout.splitlines()[-1], ended.stderr) == ("0", "")


def test_a_closed_stdout_is_no_failure() -> None:
    script = " ".join(PROGRAM) + " config show | true; echo ${PIPESTATUS[0]}"

    ended = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=clean_environment()
    )

    assert (ended.stdout.splitlines()[-1], ended.stderr) == ("0", "")


def test_text_that_the_encoding_lacks_is_escaped() -> None:
    ended = run_process("config", "show", "wörker", env={"PYTHONIOENCODING": "ascii"})

    assert ended.code == 2
    assert "'w\\xf6rker'" in ended.err
