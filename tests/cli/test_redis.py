"""`rediq redis`: the embedded server starts once, is found, and stops with its data written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import run


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an embedded server of this test's own."""
    env = {"REDIQ_HOME": str(tmp_path)}
    yield env
    run("redis", "stop", env=env)


def test_start_finds_what_runs_already(home: dict[str, str]) -> None:
    first = run("redis", "start", "--json", env=home).json
    second = run("redis", "start", "--json", env=home).json

    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["started"], second["started"]) == (True, False)
    assert (first["url"], first["pid"]) == (second["url"], second["pid"])


def test_start_prints_the_url_for_scripts(home: dict[str, str], tmp_path: Path) -> None:
    ended = run("redis", "start", "-o", "ids", env=home)

    assert ended.code == 0
    assert ended.out.startswith("unix:///")
    assert len(ended.out.splitlines()) == 1


def test_stop_ends_it_and_says_when_there_is_nothing_to_stop(
    home: dict[str, str], tmp_path: Path
) -> None:
    run("redis", "start", env=home)

    stopped = run("redis", "stop", env=home)
    again = run("redis", "stop", env=home)

    assert (stopped.code, stopped.out) == (0, f"stopped: data in {tmp_path}/embedded\n")
    assert (again.code, again.out) == (0, "no embedded server is running\n")


def test_read_only_starts_and_stops_nothing(home: dict[str, str]) -> None:
    assert run("redis", "start", "--read-only", env=home).code == 5
    run("redis", "start", env=home)
    assert run("redis", "stop", env={**home, "REDIQ_READ_ONLY": "1"}).code == 5
    still = run("redis", "start", "--json", env=home).json
    assert isinstance(still, dict)
    assert still["started"] is False


def test_a_broken_server_program_is_named(home: dict[str, str]) -> None:
    ended = run("redis", "start", env={**home, "REDIQ_SERVER_BIN": "/nowhere/redis-server"})

    assert ended.code == 2
    assert "/nowhere/redis-server" in ended.err
