"""A long search shows what it finds while it goes on, in a pipe and on a screen."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
from collections.abc import Iterator

import pytest

from rediq_core.keys import DEFAULT_NAMESPACE
from tests.support.cli import PROGRAM, ROOT, clean_environment
from tests.support.seeding import seed
from tests.support.servers import Server, standalone

TASKS = 80_000
# Found early, and the last of them before half of the tasks.
FOUND = [1111, *range(11_110, 11_120)]
WHERE = ("mail", "payload.n:1111*", "--scan", str(TASKS))


@pytest.fixture
def stocked() -> Iterator[tuple[Server, list[str]]]:
    with standalone() as server, server.client() as client:
        seconds, _ = client.time()
        ids = seed(client, DEFAULT_NAMESPACE, "mail", "pending", TASKS, at_ms=seconds * 1000)
        yield server, [ids[n] for n in FOUND]


def test_hits_reach_a_pipe_while_the_search_goes_on(stocked: tuple[Server, list[str]]) -> None:
    server, ids = stocked
    words = ("task", "list", *WHERE, "-o", "ids", "--url", server.url)
    with subprocess.Popen(
        [*PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        cwd=ROOT,
        text=True,
    ) as search:
        assert search.stdout is not None
        first = search.stdout.readline()
        _stands_still_without(server, search)
        rest, err = search.communicate(timeout=30)

    assert [first.strip(), *rest.split()] == ids
    assert err == "scanned 80,000 of 80,000, 11 hits.\n"


@pytest.mark.slow
def test_hits_reach_a_screen_while_the_search_goes_on(stocked: tuple[Server, list[str]]) -> None:
    server, ids = stocked
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "task", "list", *WHERE, "--url", server.url],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=clean_environment({"COLUMNS": "80"}),
        cwd=ROOT,
    ) as search:
        os.close(theirs)
        screen = b""
        while ids[0].encode() not in screen:
            screen += _read(ours)
        _stands_still_without(server, search)
        while chunk := _read(ours):
            screen += chunk
        assert search.wait(30) == 0
    os.close(ours)

    # A line is what was left of it: the progress line is rewritten where rows are written next.
    lines = [re.sub(r".*\x1b\[K|\x1b\[\d*m", "", line) for line in screen.decode().split("\r\n")]
    rows = [line for line in lines if line.startswith(tuple(ids))]
    assert [row.split()[0] for row in rows] == ids
    assert all(len(line) <= 80 for line in lines)
    # What is shown of a short list is shown of a long one.
    (heading,) = [line for line in lines if line.startswith("ID ")]
    assert heading.split() == ["ID", "QUEUE", "STATE", "TYPE", "TRY", "AGE", "ERROR"]
    assert lines[-2] == "scanned 80,000 of 80,000, 11 hits."


def _stands_still_without(
    server: Server, search: subprocess.Popen[str] | subprocess.Popen[bytes]
) -> None:
    """Show that the search is not at its end yet: it cannot come there without the server."""
    server.pause()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            search.wait(0.5)
    finally:
        server.resume()


def _read(terminal: int) -> bytes:
    assert select.select([terminal], [], [], 30)[0], "nothing more was written"
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux reports the end of a terminal as an error
        return b""
