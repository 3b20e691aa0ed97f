"""What the configuration says of calls and payloads holds for clients, workers and commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rediq_core import Client, EnqueueManyFailed, SyncClient, Task
from rediq_core.client.limits import Limits, limits_of
from rediq_core.config.server import ServerChoice
from rediq_core.errors import InvalidOption, PayloadTooLarge, RedisUnavailable
from rediq_core.opening import topology_of
from tests.support.cli import run

SMALL = '[safety]\nmax_payload = "1KiB"\n[redis]\ndeadline = "300ms"\nsocket_timeout = "200ms"\n'
# A port where nobody listens, by agreement.
NOBODY = "redis://127.0.0.1:1"


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that a library client reads."""
    path = tmp_path / "rediq.toml"
    path.write_text(SMALL)
    monkeypatch.setenv("REDIQ_CONFIG", str(path))
    return path


def choice(**changes: int) -> ServerChoice:
    return ServerChoice("redis://h", "test", is_fallback=False, namespace="ns", **changes)


def test_arguments_win_over_the_configuration_and_that_over_defaults() -> None:
    configured = choice(deadline_ms=300, max_payload_bytes=1_024)

    assert limits_of(None, None, None, None) == Limits("rediq", 5.0, 512 * 1_024)
    assert limits_of(configured, None, None, None) == Limits("ns", 0.3, 1_024)
    assert limits_of(configured, "mine", "2s", "1MiB") == Limits("mine", 2.0, 1_048_576)


@pytest.mark.parametrize("size", [0, "65MiB", "some"])
def test_a_payload_limit_that_is_none_is_refused(size: int | str) -> None:
    with pytest.raises(InvalidOption):
        limits_of(None, None, None, size)


def test_a_reply_is_waited_for_as_long_as_the_configuration_says() -> None:
    assert topology_of(choice(socket_timeout_ms=750)).reply_timeout_s == 0.75


async def test_clients_refuse_a_payload_over_the_configured_size(
    redis_url: str, configured: Path
) -> None:
    small: Task[object] = Task("mail", "x" * 1_022)
    large: Task[object] = Task("mail", "x" * 1_023)
    with SyncClient(redis_url) as client:
        assert client.enqueue(small) == small.id
        with pytest.raises(PayloadTooLarge):
            client.enqueue(large)
        with pytest.raises(EnqueueManyFailed) as failed:
            client.enqueue_many([small.copy(), large, large.copy(depends_on=small)])
    async with Client(redis_url) as waiting:
        with pytest.raises(PayloadTooLarge):
            await waiting.enqueue(large)

    kinds = [type(result) for result in failed.value.results]
    assert kinds == [str, PayloadTooLarge, PayloadTooLarge]


async def test_a_larger_payload_is_taken_if_the_client_says_so(redis_url: str) -> None:
    text = "x" * 600_000
    async with Client(redis_url, max_payload="1MiB") as client:
        task_id = await client.enqueue(Task("mail", text))

        assert (await client.get(task_id)).payload == text


def test_a_call_ends_at_the_configured_deadline(configured: Path) -> None:
    began = time.monotonic()

    with SyncClient(NOBODY) as client, pytest.raises(RedisUnavailable):
        client.enqueue(Task("mail"))

    assert time.monotonic() - began < 2


ASKING: dict[str, Callable[[SyncClient], object]] = {
    "enqueue": lambda client: client.enqueue(Task("mail")),
    "enqueue a child": lambda client: client.enqueue(Task("mail", depends_on="an-id")),
    "get": lambda client: client.get("an-id"),
    "cancel": lambda client: client.cancel("an-id"),
    "unschedule": lambda client: client.unschedule("nightly"),
}


@pytest.mark.parametrize("verb", ASKING)
async def test_whatever_a_client_is_asked_ends_at_its_deadline(verb: str) -> None:
    began = time.monotonic()

    with SyncClient(NOBODY, deadline="200ms") as client, pytest.raises(RedisUnavailable):
        ASKING[verb](client)
    async with Client(NOBODY, deadline="200ms") as waiting:
        with pytest.raises(RedisUnavailable):
            await ASKING[verb](waiting)  # type: ignore[arg-type,misc]  # the same verbs, awaited

    assert time.monotonic() - began < 2


def test_the_command_line_goes_by_the_configured_size(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(SMALL)
    words = ("task", "enqueue", "mail", "--queue", "mail", "-c", str(path))
    env = {"REDIQ_URL": redis_url}

    refused = run(*words, "--payload", f'"{"x" * 1_023}"', env=env)

    assert (refused.code, refused.err.split()[0]) == (2, "E006")
    assert run(*words, "--payload", f'"{"x" * 1_022}"', env=env).code == 0
