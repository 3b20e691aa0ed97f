"""Completion offers what may come next, in a real shell, and never fails."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_cli.completion import SCRIPTS, complete
from tests.support.cli import clean_environment, run
from tests.support.desk import Desk, worker_row


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["conf"], ["config"]),
        (["-q", "conf"], ["config"]),
        (["comp"], ["completion"]),
        (["completion", "z"], ["zsh"]),
        (["config", ""], ["init", "show", "set", "check", "acl"]),
        (["config", "-q", "s"], ["show", "set"]),
        (["config", "show", "--o"], ["--origin", "--output"]),
        (["config", "show", "-o", "js"], ["json", "jsonl"]),
        (["-o", "w"], ["wide"]),
        (["redis", "start", "--data-dir", ""], []),
        (["config", "show", "work"], []),
        (["nothing", ""], []),
        (["config", "nothing", "-"], []),
    ],
)
def test_what_may_come_next(words: list[str], expected: list[str]) -> None:
    assert list(complete(["bash", *words])) == expected


def test_each_shell_gets_its_own_form() -> None:
    assert list(complete(["fish", "config", "ini"])) == [
        "init\twrite a commented configuration file that names every setting"
    ]
    assert list(complete(["zsh", "config", "ini"])) == [
        "init:write a commented configuration file that names every setting"
    ]


@given(st.lists(st.text(max_size=12), max_size=5))
def test_no_words_make_it_fail(words: list[str]) -> None:
    assert all("\n" not in line for line in complete(["bash", *words]))


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_printed_offline(shell: str) -> None:
    ended = run("completion", shell)

    assert (ended.code, ended.out, ended.err) == (0, SCRIPTS[shell], "")


def test_an_unknown_shell_exits_2() -> None:
    ended = run("completion", "tcsh")

    assert ended.code == 2
    assert ended.err == (
        "E005 there is no completion for 'tcsh'.\n     See: rediq completion --help\n"
    )


def test_bash_completes_with_the_printed_script(tmp_path: Path) -> None:
    program = tmp_path / "rediq"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m rediq_cli "$@"\n')
    program.chmod(0o755)
    typed = (
        'eval "$(rediq completion bash)"; COMP_LINE="rediq config s"; COMP_POINT=${#COMP_LINE}; '
        'COMP_WORDS=(rediq config s); COMP_CWORD=2; _rediq; echo "${COMPREPLY[*]}"'
    )
    env = clean_environment()

    ended = subprocess.run(
        ["bash", "-c", typed],
        capture_output=True,
        text=True,
        check=True,
        env={**env, "PATH": f"{tmp_path}:{env['PATH']}"},
    )

    assert (ended.stdout, ended.stderr) == ("show set\n", "")


# What only the server knows.


@pytest.fixture
def live(desk: Desk, server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk.dead("payment", 1)
    desk.pending("mail", 1)
    desk.announce(worker_row("web1-4711-3fa9"))
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return desk


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["queue", "pause", ""], ["mail", "payment"]),
        (["queue", "pause", "mail", "p"], ["payment"]),
        (["queue", "flush", "dead:"], ["dead:mail", "dead:payment"]),
        (["task", "retry", "dead:pay"], ["dead:payment"]),
        (["task", "retry", "de"], ["delayed", "dead"]),
        (["task", "enqueue", "mail:send", "--queue", "m"], ["mail"]),
        (["worker", "stop", ""], ["web1-4711-3fa9"]),
        (["why", "p"], ["payment"]),
        (["failures", "--json", "m"], ["mail"]),
        (["task", "list", "--limit", ""], []),
    ],
)
def test_names_on_the_server_are_offered(live: Desk, words: list[str], expected: list[str]) -> None:
    assert list(complete(["bash", *words])) == expected


def test_ids_of_tasks_are_offered_those_in_trouble_first(live: Desk) -> None:
    (dead,), (pending,) = live.queue("payment").ids("dead"), live.queue("mail").ids("pending")

    assert list(complete(["bash", "task", "inspect", ""])) == [dead, pending]
    assert list(complete(["bash", "task", "inspect", dead[:-4]])) == [dead]


def test_another_server_is_asked_where_one_is_named(
    live: Desk, server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIQ_URL", "unix:///nowhere")

    assert list(complete(["bash", "queue", "pause", ""])) == []
    named = ["queue", "--url", server["REDIQ_URL"], "pause", "pa"]
    assert list(complete(["bash", *named])) == ["payment"]


def test_names_that_a_shell_should_not_see_are_left_out(live: Desk) -> None:
    live.client.zadd(live.queue("mail").key("pending"), {"$(reboot)\n": 1})

    assert "$" not in "".join(complete(["bash", "task", "inspect", ""]))


def test_a_server_that_does_not_answer_costs_a_moment_and_no_error(
    live: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("REDIQ_URL", f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        began = time.monotonic()

        assert list(complete(["bash", "queue", "pause", ""])) == []

    assert time.monotonic() - began < 2
