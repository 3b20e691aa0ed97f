"""A URL becomes a topology, or an error that shows nothing of a password."""

from __future__ import annotations

import pytest

from rediq_core.connection.topology import (
    Address,
    Credentials,
    Mode,
    TlsOptions,
    Topology,
    parse_url,
)
from rediq_core.errors import ConfigError


def test_a_plain_url_names_one_server_and_a_database() -> None:
    assert parse_url("redis://cache.internal:6380/3") == Topology(
        mode=Mode.STANDALONE, nodes=(Address("cache.internal", 6380),), db=3
    )


def test_what_a_url_leaves_out_has_defaults() -> None:
    assert parse_url("redis://localhost") == Topology(
        mode=Mode.STANDALONE, nodes=(Address("localhost", 6379),)
    )


def test_a_login_is_percent_decoded() -> None:
    topology = parse_url("redis://us%65r:p%2Fw%40d@h/0")

    assert topology.credentials == Credentials("user", "p/w@d")


def test_given_credentials_win_over_the_urls_and_are_taken_as_they_are() -> None:
    topology = parse_url("redis://a:b@h/0", username="c", password="d%2F")

    assert topology.credentials == Credentials("c", "d%2F")


def test_a_unix_url_names_a_socket() -> None:
    assert parse_url("unix://:secret@/run/a@b.sock?db=2") == Topology(
        mode=Mode.STANDALONE,
        nodes=(Address("/run/a@b.sock", 0),),
        db=2,
        credentials=Credentials("", "secret"),
    )


def test_a_unix_path_with_an_at_sign_is_no_login() -> None:
    topology = parse_url("unix:///run/a@b.sock")

    assert (topology.nodes, topology.credentials) == (
        (Address("/run/a@b.sock", 0),),
        Credentials(),
    )


def test_a_sentinel_url_names_sentinels_a_service_and_a_database() -> None:
    url = "redis+sentinel://:pw@s1,s2:5000/my%6Daster/4?sentinel_username=u&sentinel_password=v"

    assert parse_url(url) == Topology(
        mode=Mode.SENTINEL,
        nodes=(Address("s1", 26379), Address("s2", 5000)),
        db=4,
        credentials=Credentials("", "pw"),
        sentinel_credentials=Credentials("u", "v"),
        service="mymaster",
    )


def test_a_cluster_url_names_some_nodes() -> None:
    assert parse_url("rediss+cluster://a,b:7001,[::1]:7002,[fe80::2]") == Topology(
        mode=Mode.CLUSTER,
        nodes=(
            Address("a", 6379),
            Address("b", 7001),
            Address("::1", 7002),
            Address("fe80::2", 6379),
        ),
        tls=TlsOptions(),
    )


def test_tls_paths_of_the_url_win_over_the_given_ones() -> None:
    topology = parse_url(
        "rediss://h/0?ssl_ca_certs=/url/ca.pem", tls=TlsOptions(ca="/given/ca", cert="/given/c")
    )

    assert topology.tls == TlsOptions(ca="/url/ca.pem", cert="/given/c")


def test_tls_options_do_not_make_a_plain_url_a_tls_one() -> None:
    assert parse_url("redis://h/0", tls=TlsOptions(ca="/ca.pem")).tls is None


def test_checks_switched_off_in_the_url_need_the_option_that_says_so() -> None:
    with pytest.raises(ConfigError, match="switches certificate checks off"):
        parse_url("rediss://h/0?ssl_cert_reqs=none")

    insecure = TlsOptions(is_insecure=True)
    assert parse_url("rediss://h/0?ssl_cert_reqs=none", tls=insecure).tls == insecure


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("localhost:6379", "unknown scheme"),
        ("http://localhost", "unknown scheme"),
        ("unix+cluster:///run/x", "unknown scheme"),
        ("redis://:kAn/ArY@host", "must be escaped"),
        ("redis://:kAn?ArY@host", "must be escaped"),
        ("redis://:kAn#ArY@host", "must be escaped"),
        ("redis://:kAnArY@host/zero", "not a number"),
        ("redis://:kAnArY@host/-1", "not a number"),
        ("redis://:kAnArY@host/0/1", "more path"),
        ("redis://:kAnArY@host:port", "from 1 to 65535"),
        ("redis://:kAnArY@host:0", "from 1 to 65535"),
        ("redis://:kAnArY@host:65536", "from 1 to 65535"),
        ("redis://:kAnArY@::1:6379", "no host"),
        ("redis://:kAnArY@", "no host"),
        ("redis://:kAnArY@a,b", "names one server"),
        ("redis://:kAnArY@host?ssl_ca_certs=/x", "needs a TLS connection"),
        ("redis://:kAnArY@host?timeout=3", "'timeout'"),
        ("rediss://:kAnArY@host?ssl_check_hostname=false", "checks off"),
        ("redis+sentinel://:kAnArY@a,b", "needs the name of the master"),
        ("redis+cluster://:kAnArY@a/1", "only database 0"),
        ("redis+cluster://:kAnArY@a,,b", "no host"),
        ("unix://:kAnArY@relative.sock", "absolute path"),
    ],
)
def test_a_bad_url_is_refused_without_showing_the_password(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        parse_url(url)

    shown = f"{caught.value}{caught.value!r}"
    assert "kAn" not in shown
    assert "ArY" not in shown


def test_a_pool_without_connections_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        parse_url("redis://h", pool_size=0)


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("rediss://u:kAnArY@h/2", "rediss://u:***@h:6379/2"),
        ("redis://u@h", "redis://u@h:6379/0"),
        ("unix://:kAnArY@/run/r.sock?db=2", "unix://:***@/run/r.sock?db=2"),
        ("unix:///run/r.sock", "unix:///run/r.sock"),
        ("redis+cluster://:kAnArY@a,[::1]:7", "redis+cluster://:***@a:6379,[::1]:7"),
        ("rediss+sentinel://:kAnArY@a/m/1", "rediss+sentinel://:***@a:26379/m/1"),
    ],
)
def test_the_redacted_url_shows_all_but_the_password(url: str, redacted: str) -> None:
    topology = parse_url(url)

    assert topology.redacted == redacted
    assert str(topology) == redacted
    assert "kAnArY" not in repr(topology)


def test_an_announced_address_is_replaced_by_the_map() -> None:
    inner, outer = Address("10.0.0.5", 6379), Address("gate", 7001)
    topology = Topology(Mode.CLUSTER, (outer,), address_map=((inner, outer),))

    assert topology.reach(inner) == outer
    assert topology.reach(Address("10.0.0.6", 6379)) == Address("10.0.0.6", 6379)


def test_a_survey_uses_the_sentinels_own_login_and_no_database() -> None:
    topology = parse_url("redis+sentinel://:pw@s1/m/4?sentinel_password=v").for_survey()

    assert (topology.credentials, topology.db, topology.reply_timeout_s) == (
        Credentials("", "v"),
        0,
        0.5,
    )


def test_a_survey_of_a_cluster_uses_the_nodes_login() -> None:
    topology = parse_url("redis+cluster://:pw@a").for_survey()

    assert topology.credentials == Credentials("", "pw")
