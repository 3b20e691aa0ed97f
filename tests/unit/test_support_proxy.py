"""The proxy loses exactly what it is told to: fault tests stand on this."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.proxy import Proxy
from tests.support.servers import Server, standalone


@pytest.fixture(scope="module", params=["unix", "tcp"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with standalone(unix=request.param == "unix", tcp=request.param == "tcp") as server:
        yield server


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with server.client() as client:
        client.flushall()
    with Proxy(server.url) as proxy:
        yield proxy


def connect(proxy: Proxy, timeout_s: float = 5) -> redis.Redis:
    return redis.Redis.from_url(
        proxy.url, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0), decode_responses=True
    )


def test_a_healthy_proxy_is_invisible(proxy: Proxy) -> None:
    with connect(proxy) as client:
        client.set("key", "x" * 300_000)

        assert client.get("key") == "x" * 300_000


def test_a_dropped_reply_was_executed_once_and_the_next_call_passes(proxy: Proxy) -> None:
    with connect(proxy) as client:
        proxy.drop_replies(1, matching=b"INCR")

        with pytest.raises(redis.ConnectionError):
            client.incr("counter")

        assert client.incr("counter") == 2
        assert proxy.dropped == 1


def test_a_drop_waits_for_its_command(proxy: Proxy) -> None:
    with connect(proxy) as client:
        proxy.drop_replies(1, matching=b"INCR")

        assert client.set("key", "value")
        assert proxy.dropped == 0


def test_a_black_hole_delivers_what_it_held_after_healing(proxy: Proxy, server: Server) -> None:
    with connect(proxy, timeout_s=0.2) as client, connect(proxy) as patient:
        client.ping()
        proxy.black_hole()
        with pytest.raises(redis.TimeoutError):
            client.ping()

        proxy.heal()

        assert patient.ping()


def test_reset_cuts_what_is_open_and_serves_what_is_new(proxy: Proxy) -> None:
    with connect(proxy) as client:
        client.ping()
        connection = client.connection_pool.get_connection()
        connection.send_command("BLPOP", "nothing", 0)

        proxy.reset_all()

        with pytest.raises(redis.ConnectionError):
            connection.read_response()
        assert client.ping()
        client.connection_pool.release(connection)


def test_refusing_lasts_until_healed(proxy: Proxy) -> None:
    proxy.refuse()
    with connect(proxy) as client:
        with pytest.raises(redis.ConnectionError):
            client.ping()

        proxy.heal()

        assert client.ping()


def test_a_delay_holds_the_reply_back(proxy: Proxy) -> None:
    with connect(proxy, timeout_s=0.2) as client:
        client.ping()
        proxy.delay(5)

        with pytest.raises(redis.TimeoutError):
            client.incr("counter")

        proxy.heal()
        assert client.get("counter") == "1"


def test_pointing_elsewhere_moves_new_connections(proxy: Proxy, server: Server) -> None:
    unix = server.socket_path is not None
    with standalone(unix=unix, tcp=not unix) as other, connect(proxy) as client:
        client.set("place", "first")

        proxy.point_at(other.url)

        assert client.get("place") is None
