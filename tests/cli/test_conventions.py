"""What holds for every command: pipes that close, stdin that is no person, where options stand.

Each command runs in a forked child with real file descriptors, on the shop's queues.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rediq_cli.main import main
from tests.cli.golden_cases import SHOWN
from tests.cli.test_read_only import LEAVES, READING
from tests.support.cli import PROGRAM, ROOT, clean_environment, run
from tests.support.desk import NAMESPACE
from tests.support.servers import Server, standalone
from tests.support.shop import Copy, seed_shop
from tests.support.standing import standing

READS = sorted(path for path in READING if path in LEAVES and SHOWN[path])
# Would each ask a person on a terminal; none may do so without one.
ASKS = (
    "queue flush dead:payment --hard",
    "queue delete drained",
    "task retry dead:payment",
    "task run delayed:payment",
    "task cancel pending:reports",
    "task reschedule delayed:payment --delay 1h",
    "task delete dead --hard",
    "task restore trash:payment",
    "task edit DEAD",
    "task import tasks.jsonl",
    "schedule delete nightly",
)
# A file without tasks holds none; no ids and no payload are a mistake.
TAKES_STDIN = {
    "task retry -": 2,
    "task list -": 2,
    "task enqueue mail --queue payment --payload -": 2,
    "task import -": 0,
}
# Seconds in which a command has ended that waits for nobody.
SOON_S = 20


class Place:
    def __init__(self, server: Server, copy: Copy, names: dict[str, str], folder: Path) -> None:
        self._copy = copy
        self._names = names
        self.folder = folder
        self.env = {
            "REDIQ_URL": server.url,
            "REDIQ_REDIS_NAMESPACE": NAMESPACE,
            "REDIQ_PAGER": "cat",
        }

    def words(self, line: str) -> list[str]:
        return [self._names.get(word, word) for word in shlex.split(line)]

    def forked(self, words: list[str], prepare: Callable[[], None]) -> int:
        """Run a command line in a forked child and return its exit code."""
        self._copy.put_back()
        child = os.fork()
        if child == 0:  # pragma: no cover - the child
            code = 99
            try:
                os.environ.clear()
                os.environ.update(clean_environment(self.env))
                os.chdir(self.folder)
                sys.argv = ["rediq", *words]
                null = os.open(os.devnull, os.O_RDWR)
                for number in (0, 1, 2):
                    os.dup2(null, number)
                sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
                prepare()
                sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False))
                sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False))
                with standing():
                    main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 98
            finally:
                os._exit(code)
        return _ended(child)


def _ended(child: int) -> int:
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("it waits for somebody who is not there")


@pytest.fixture(scope="module")
def scene() -> Iterator[tuple[Server, Copy, dict[str, str]]]:
    with standalone() as server, closing(server.client()) as client:
        names = seed_shop(server.url, client)
        yield server, Copy(client), names


@pytest.fixture
def place(scene: tuple[Server, Copy, dict[str, str]], tmp_path: Path) -> Place:
    (tmp_path / "tasks.jsonl").write_text('{"type": "mail", "queue": "payment"}\n')
    (tmp_path / "shop.toml").write_text("[worker]\nconcurrency = 20\n")
    return Place(*scene, tmp_path)


def stdout_that_nobody_reads() -> None:
    """Give the child a pipe whose other end is closed, as `| head -1` leaves it behind."""
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "ids"])
@pytest.mark.parametrize("path", READS)
def test_a_reader_that_goes_away_is_no_failure(path: str, form: str, place: Place) -> None:
    words = [*place.words(SHOWN[path][0]), "-o", form]

    assert place.forked(words, stdout_that_nobody_reads) == 0


def closed_stdin() -> None:
    # What Python makes of a process that was started with `<&-`.
    os.close(0)
    sys.stdin = None  # type: ignore[assignment]  # so it is then


def stdin_of_nothing() -> None:
    pass


def stdin_of_a_pipe() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    os.dup2(reader, 0)


@pytest.mark.parametrize("stdin", [closed_stdin, stdin_of_nothing, stdin_of_a_pipe])
@pytest.mark.parametrize("line", ASKS)
def test_without_a_person_nothing_is_asked(
    line: str, stdin: Callable[[], None], place: Place
) -> None:
    assert place.forked(place.words(line), stdin) == (2 if line.startswith("task edit") else 5)


@pytest.mark.parametrize("stdin", [closed_stdin, stdin_of_nothing, stdin_of_a_pipe])
@pytest.mark.parametrize("line", TAKES_STDIN)
def test_stdin_that_has_nothing_is_not_waited_for(
    line: str, stdin: Callable[[], None], place: Place
) -> None:
    assert place.forked(place.words(line), stdin) == TAKES_STDIN[line]


@pytest.mark.parametrize("redirection", ["<&-", "</dev/null", "</dev/null | head -1"])
def test_a_shell_may_close_stdin_and_cut_stdout(redirection: str, place: Place) -> None:
    command = shlex.join([*PROGRAM, "task", "list", "-o", "jsonl"])

    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} {redirection}"],
        capture_output=True,
        check=False,
        timeout=SOON_S,
        env=clean_environment(place.env),
        cwd=ROOT,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b'{"id":')


@pytest.mark.parametrize("path", READS)
def test_global_options_stand_before_or_after(path: str, place: Place) -> None:
    first, *rest = place.words(SHOWN[path][0])
    options = ["-o", "json", "--quiet", "--no-color"]

    with standing():
        after = run(first, *rest, *options, env=place.env, cwd=place.folder)
        before = run(*options, first, *rest, env=place.env, cwd=place.folder)
        between = run(first, *options, *rest, env=place.env, cwd=place.folder)

    if path not in ("redis status", "doctor"):  # they time what they do
        assert before.out == after.out == between.out
    assert before.code == after.code == between.code
    assert before.err == after.err == between.err


@pytest.mark.parametrize("path", READS)
def test_no_color_has_no_colour_and_a_screen_has(path: str, place: Place) -> None:
    words = place.words(SHOWN[path][0])

    with standing():
        ended = [
            run(*words, env={**place.env, "NO_COLOR": "1"}, is_tty=True),
            run(*words, "--no-color", env=place.env, is_tty=True),
            run(*words, env={**place.env, "TERM": "dumb"}, is_tty=True),
            run(*words, env=place.env),
        ]

    assert [one.out.count("\x1b") + one.err.count("\x1b") for one in ended] == [0, 0, 0, 0]


@pytest.mark.parametrize("path", ["queue list", "task list", "worker list", "doctor", "why"])
def test_a_screen_has_colour(path: str, place: Place) -> None:
    assert "\x1b[" in run(*place.words(SHOWN[path][0]), env=place.env, is_tty=True).out


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_help_begins_with_examples(path: str) -> None:
    page = run(*path.split(), "-h").out

    assert 0 < page.index("\nExamples:\n") < page.index("\nUsage: ")
