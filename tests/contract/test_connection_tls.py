"""TLS: certificate and host name are checked, mutual TLS works, wrong ports are explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from rediq_core.connection.aio import AsyncLink
from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import TlsOptions, Topology, parse_url
from rediq_core.errors import ConfigError, RedisUnavailable
from tests.contract.connection_scripts import CERTIFICATES, TlsProxy, echo
from tests.support.servers import standalone

CA = TlsOptions(ca=str(CERTIFICATES / "ca.pem"))
Ask = Callable[..., Any]


async def ask_async(topology: Topology, deadline_s: float = 5) -> object:
    link = AsyncLink(topology)
    try:
        return await link.evalsha(echo("hello"), deadline_s=deadline_s)
    finally:
        await link.aclose()


async def ask_sync(topology: Topology, deadline_s: float = 5) -> object:
    link = SyncLink(topology)
    try:
        return link.evalsha(echo("hello"), deadline_s=deadline_s)
    finally:
        link.close()


@pytest.fixture(params=[ask_async, ask_sync], ids=["async", "sync"])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


@pytest.fixture
def server_url() -> Any:
    with standalone(tcp=True, unix=False) as server:
        yield server.tcp_url


async def test_a_certificate_of_a_known_authority_is_accepted(server_url: str, ask: Ask) -> None:
    with TlsProxy(server_url, "server.pem") as proxy:
        assert await ask(parse_url(proxy.tls_url, tls=CA)) == b"hello"


@pytest.mark.parametrize(
    ("certificate", "tls", "says"),
    [
        ("server.pem", TlsOptions(), "its certificate was not accepted: "),
        ("elsewhere.pem", CA, "certificate is not valid for 'localhost'"),
    ],
    ids=["unknown authority", "another host"],
)
async def test_any_other_certificate_is_refused_at_once(
    server_url: str, ask: Ask, certificate: str, tls: TlsOptions, says: str
) -> None:
    with (
        TlsProxy(server_url, certificate) as proxy,
        pytest.raises(RedisUnavailable, match=says) as caught,
    ):
        await ask(parse_url(proxy.tls_url, tls=tls))

    assert caught.value.next_step.startswith("Name its authority")


async def test_checks_can_be_switched_off_by_the_option_that_says_so(
    server_url: str, ask: Ask
) -> None:
    with TlsProxy(server_url, "elsewhere.pem") as proxy:
        topology = parse_url(proxy.tls_url, tls=TlsOptions(is_insecure=True))

        assert await ask(topology) == b"hello"


async def test_our_own_certificate_is_shown_to_a_server_that_asks(
    server_url: str, ask: Ask
) -> None:
    mine = dataclasses.replace(CA, cert=str(CERTIFICATES / "client.pem"))
    with TlsProxy(server_url, "server.pem", asks_certificate=True) as proxy:
        assert await ask(parse_url(proxy.tls_url, tls=mine)) == b"hello"
        with pytest.raises(RedisUnavailable):
            await ask(parse_url(proxy.tls_url, tls=CA), deadline_s=0.3)


async def test_tls_to_a_plain_port_asks_whether_the_port_is_tls(server_url: str, ask: Ask) -> None:
    topology = parse_url(server_url.replace("redis://", "rediss://"), tls=CA)

    with pytest.raises(RedisUnavailable, match="is this port TLS"):
        await ask(topology, deadline_s=0.5)


async def test_a_plain_client_of_a_tls_port_is_told_of_rediss(server_url: str, ask: Ask) -> None:
    with (
        TlsProxy(server_url, "server.pem") as proxy,
        pytest.raises(RedisUnavailable, match="rediss://"),
    ):
        await ask(parse_url(proxy.tls_url.replace("rediss://", "redis://")), deadline_s=0.3)


async def test_a_missing_certificate_file_is_a_mistake_in_the_configuration(
    server_url: str, ask: Ask
) -> None:
    with (
        TlsProxy(server_url, "server.pem") as proxy,
        pytest.raises(ConfigError, match=r"redis\.tls"),
    ):
        await ask(parse_url(proxy.tls_url, tls=TlsOptions(ca="/no/such/ca.pem")))


async def test_a_file_without_a_certificate_is_a_mistake_in_the_configuration(
    server_url: str, ask: Ask
) -> None:
    with (
        TlsProxy(server_url, "server.pem") as proxy,
        pytest.raises(ConfigError, match="holds no certificate"),
    ):
        await ask(parse_url(proxy.tls_url, tls=TlsOptions(ca=__file__)))
