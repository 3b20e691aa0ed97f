"""The private server: one for a directory, whoever races; private; its data kept."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from rediq_core.embedded import Running, ensure, find_engine, running_url, status, stop
from rediq_core.embedded.place import Place, place_of, try_lock
from rediq_core.errors import ConfigError, RedisUnavailable
from tests.support.process import make_directory
from tests.support.waiting import wait_until

RACERS = 20


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory of its own for one server; whatever runs in it afterwards is killed."""
    parent = make_directory()
    yield parent / "embedded"
    kill_server(parent / "embedded")
    shutil.rmtree(parent)


def kill_server(directory: Path) -> None:
    if directory.is_dir():
        directory.chmod(0o700)
    running = status(directory)
    if running is not None:
        os.kill(running.pid, signal.SIGKILL)
        wait_until(lambda: is_unlocked(directory), "the life lock is free")


def is_unlocked(directory: Path) -> bool:
    with try_lock(Place(directory.resolve()).life_lock) as descriptor:
        return descriptor is not None


def client_of(running: Running) -> redis.Redis:
    return redis.Redis.from_url(running.url, decode_responses=True)


def run_python(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    process: subprocess.Popen[str] = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, **options
    )
    return process


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_ensure_starts_a_server_once_and_then_meets_it(home: Path) -> None:
    first = ensure(home)
    second = ensure(home)

    assert first.started
    assert not second.started
    assert (second.pid, second.url) == (first.pid, first.url)
    assert first.engine.label == find_engine().label
    with client_of(first) as client:
        assert client.ping()


def test_twenty_processes_racing_make_one_server(home: Path) -> None:
    code = """
        import sys
        from rediq_core.embedded import ensure
        sys.stdin.readline()
        running = ensure(sys.argv[1])
        print(running.pid, running.started)
    """
    racers = [run_python(code, home, stdin=subprocess.PIPE) for _ in range(RACERS)]

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(lambda racer: racer.communicate("go\n", timeout=60)[0], racers))

    seen = [answer.split() for answer in answers]
    assert {racer.returncode for racer in racers} == {0}
    assert len({pid for pid, _ in seen}) == 1
    assert [started for _, started in seen].count("True") == 1


def test_threads_racing_make_one_server(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        running = list(pool.map(lambda _: ensure(home), range(8)))

    assert len({server.pid for server in running}) == 1
    assert sum(server.started for server in running) == 1


def test_a_killed_server_keeps_what_it_answered_and_starts_over_its_stale_socket(
    home: Path,
) -> None:
    first = ensure(home)
    with client_of(first) as client:
        for number in range(500):
            client.rpush("pushed", number)
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: is_unlocked(home), "the life lock is free")
    assert first.socket_path.exists()

    second = ensure(home)

    assert second.started
    assert second.pid != first.pid
    with client_of(second) as client:
        assert client.lrange("pushed", 0, -1) == [str(number) for number in range(500)]


def test_stop_ends_the_server_and_keeps_its_data(home: Path) -> None:
    running = ensure(home)
    with client_of(running) as client:
        client.set("key", "value")

    assert stop(home) is True

    assert status(home) is None
    assert not running.socket_path.exists()
    assert stop(home) is False
    with client_of(ensure(home)) as client:
        assert client.get("key") == "value"


def test_nothing_is_readable_by_others_and_nothing_listens_on_a_port(home: Path) -> None:
    running = ensure(home)
    with client_of(running) as client:
        client.set("key", "value")
        port = client.config_get("port")["port"]

    directories = [home, home / "data", *(home / "data").glob("*/")]
    files = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]

    assert port == "0"
    assert {mode_of(path) for path in [*directories, running.socket_path]} == {0o700}
    assert {mode_of(path) & 0o077 for path in files} == {0}
    command = Path(f"/proc/{running.pid}/cmdline")
    assert not command.exists() or b"requirepass" not in command.read_bytes()


def test_a_directory_left_open_to_others_is_closed(home: Path) -> None:
    home.mkdir(mode=0o755)
    home.chmod(0o755)

    ensure(home)

    assert mode_of(home) == 0o700


def test_a_socket_in_an_open_directory_is_not_trusted(home: Path) -> None:
    ensure(home)
    home.chmod(0o755)

    assert running_url(home) is None

    assert stop(home) is True  # an owner's call closes the directory and then sees the server


def test_a_directory_path_of_120_characters_gets_a_short_socket(home: Path) -> None:
    long = home.parent / ("d" * 120)
    try:
        running = ensure(long)

        assert len(os.fsencode(running.socket_path)) <= 100
        assert mode_of(running.socket_path.parent) == 0o700
        assert status(long) == ensure(long)
    finally:
        kill_server(long)
        stop(long)


def test_a_path_with_a_space_and_a_percent_sign_is_a_usable_url(home: Path) -> None:
    odd = home.parent / "a b%20c"
    try:
        with client_of(ensure(odd)) as client:
            assert client.ping()
    finally:
        kill_server(odd)


@pytest.mark.parametrize("writer", ["redis 99.0.0", "valkey 99.0.0"])
def test_data_of_another_or_newer_engine_is_refused_by_name(home: Path, writer: str) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "ENGINE").write_text(f"{writer}\n")

    with pytest.raises(ConfigError) as caught:
        ensure(home)

    text = str(caught.value)
    assert str(home / "data") in text
    assert writer in text
    assert find_engine().label in text
    assert "REDIQ_SERVER_BIN=" in text
    assert "REDIQ_HOME=" in text
    assert (home / "data" / "ENGINE").read_text() == f"{writer}\n"


def test_data_without_a_record_of_its_writer_is_refused(home: Path) -> None:
    ensure(home)
    stop(home)
    (home / "data" / "ENGINE").unlink()

    with pytest.raises(ConfigError, match="does not say which engine wrote it"):
        ensure(home)


def test_an_older_record_is_raised_to_the_engine_that_now_writes(home: Path) -> None:
    engine = find_engine()
    (home / "data").mkdir(parents=True)
    (home / "data" / "ENGINE").write_text(f"{engine.product} 1.0.0\n")

    ensure(home)

    assert (home / "data" / "ENGINE").read_text() == f"{engine.label}\n"


def test_a_server_that_ends_at_once_shows_its_log_and_leaves_no_record(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = home.parent / "broken-server"
    broken.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --version ]; then echo "Valkey server v=9.9.9"; exit 0; fi\n'
        "echo 'the disk is made of cheese'\nexit 3\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("REDIQ_SERVER_BIN", str(broken))

    with pytest.raises(RedisUnavailable, match="ended at once") as caught:
        ensure(home)

    assert "exit code 3" in caught.value.message
    assert "the disk is made of cheese" in caught.value.cause
    assert not (home / "data" / "ENGINE").exists()


def test_the_server_outlives_a_starter_that_is_interrupted(home: Path) -> None:
    code = """
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under nohup and &
        from rediq_core.embedded import ensure
        print(ensure(sys.argv[1]).pid, flush=True)
        signal.pause()
    """
    starter = run_python(code, home, start_new_session=True, stderr=subprocess.DEVNULL)
    assert starter.stdout is not None
    with starter, starter.stdout:
        pid = int(starter.stdout.readline())

        os.killpg(starter.pid, signal.SIGINT)  # what Ctrl-C does to everything in the terminal
        starter.wait(10)

    running = status(home)
    assert running is not None
    assert running.pid == pid


def test_a_server_that_hangs_is_named_with_what_to_look_at(home: Path) -> None:
    running = ensure(home)
    os.kill(running.pid, signal.SIGSTOP)
    try:
        with pytest.raises(RedisUnavailable, match="does not answer") as caught:
            ensure(home, timeout_s=0.1)
    finally:
        os.kill(running.pid, signal.SIGCONT)

    assert "instance.json" in caught.value.next_step
    assert ensure(home).pid == running.pid


def test_a_caller_waits_for_whoever_is_starting_and_says_so_in_vain(home: Path) -> None:
    ensure(home)
    stop(home)
    with try_lock(Place(home.resolve()).operation_lock) as descriptor:
        assert descriptor is not None

        with pytest.raises(RedisUnavailable, match="still starting or stopping"):
            ensure(home, timeout_s=0.1)


def test_stopping_a_directory_that_never_had_a_server_leaves_it_alone(home: Path) -> None:
    home.mkdir(mode=0o755)
    home.chmod(0o755)

    assert stop(home) is False

    assert mode_of(home) == 0o755
    assert list(home.iterdir()) == []


def test_asking_creates_nothing(home: Path) -> None:
    assert status(home) is None
    assert running_url(home) is None
    assert stop(home) is False
    assert not home.exists()


def test_a_directory_that_cannot_be_made_is_a_configuration_error(home: Path) -> None:
    home.write_text("a file where the directory should be")

    with pytest.raises(ConfigError, match="cannot use") as caught:
        ensure(home)

    assert "REDIQ_HOME=" in caught.value.next_step


def test_the_note_for_people_tells_the_truth(home: Path) -> None:
    running = ensure(home)

    note = json.loads((home / "instance.json").read_text())

    assert note["pid"] == running.pid
    assert note["socket"] == str(running.socket_path)
    assert note["engine"] == running.engine.label


def test_settings_are_those_that_lose_nothing(home: Path) -> None:
    wanted = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    with client_of(ensure(home)) as client:
        actual = client.config_get(*wanted)

    assert actual == wanted


def test_the_directory_follows_the_environment(tmp_path: Path) -> None:
    assert place_of(None, {"REDIQ_HOME": str(tmp_path)}).root == tmp_path / "embedded"
    assert place_of("here", {}).root == Path.cwd() / "here"
    xdg = place_of(None, {"XDG_DATA_HOME": str(tmp_path)}).root
    assert xdg == tmp_path / "rediq" / "embedded"
    relative = place_of(None, {"XDG_DATA_HOME": "relative"}).root
    assert relative.is_relative_to(Path.home().resolve())
