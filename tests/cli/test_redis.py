"""`rediq redis`: the embedded server starts once, is found, and stops with its data written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.cli.conftest import Rediq
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


def hold_up(client: redis.Redis) -> None:
    """Keep the server busy for a fifth of a second, as a careless script does."""
    busy = "local from = os.clock(); repeat until os.clock() - from > 0.2"
    client.eval(busy, 0)


def test_status_names_what_holds_the_server_up(rediq: Rediq, redis_client: redis.Redis) -> None:
    quiet = rediq("redis", "status")
    redis_client.client_setname("report.py")
    hold_up(redis_client)

    shown, told = rediq("redis", "status"), rediq("redis", "status", "--json").json
    (advice,) = [line for line in rediq("doctor").out.splitlines() if " latency " in line]

    assert "  no slow command in the last 5 min\n" in quiet.out
    assert "  answers in " in quiet.out
    lines = shown.out.splitlines()
    at = lines.index("  1 slow command in the last 5 min:")
    assert " ms  EVAL  by " in lines[at + 1]
    assert "(report.py), " in lines[at + 1]
    assert isinstance(told, dict)
    (slow,) = told["slow_commands"]
    assert (slow["command"], slow["took_ms"] >= 200) == ("EVAL", True)
    assert advice.startswith("! latency      EVAL of ")


def test_status_says_that_it_may_not_read_the_log(
    server: dict[str, str], redis_client: redis.Redis
) -> None:
    redis_client.acl_setuser("sam", enabled=True, passwords=["+pw"], commands=["+@all", "-slowlog"])
    try:
        ended = run("redis", "status", env={**server, "REDIQ_URL": with_user(server)})
    finally:
        redis_client.acl_deluser("sam")

    assert (ended.code, ended.err) == (0, "")
    assert "  slow commands: not shown, this user may not read SLOWLOG\n" in ended.out


def with_user(server: dict[str, str]) -> str:
    return server["REDIQ_URL"].replace("unix://", "unix://sam:pw@")
