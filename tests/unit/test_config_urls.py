"""A server URL is refused for what would go wrong later, and never shown with its password."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.config.urls import (
    check_url,
    disables_verification,
    hosts_of,
    password_of,
    with_password,
)
from rediq_core.errors import InvalidOption

GOOD = [
    "redis://localhost",
    "redis://localhost:6379/0",
    "redis://:pw@localhost:6379/15",
    "rediss://ana:p%2Fw@h.example.com:6380/",
    "redis://[::1]:6379/0",
    "unix:///run/redis.sock",
    "unix:///run/a@b.sock?db=2",
    "redis+cluster://a:1,b:2,c",
    "rediss+cluster://:pw@a:1,b:2/0",
    "redis+sentinel://a,b:26379/mymaster",
    "redis+sentinel://:pw@a,b/mymaster/3?sentinel_password=x",
]


@pytest.mark.parametrize("url", GOOD)
def test_a_good_url_comes_back_unchanged(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("", "scheme"),
        ("localhost:6379", "scheme"),
        ("http://localhost", "scheme"),
        ("redis://:kAnA/rY@h", "percent-encoded"),
        ("redis://:kAnA#rY@h", "percent-encoded"),
        ("redis://:kAnA@rY/x@h", "percent-encoded"),
        ("redis://h/0#x", "percent-encoded"),
        ("redis://h/zero", "database"),
        ("redis://h/0/1", "database"),
        ("redis://", "host"),
        ("redis://:6379", "host"),
        ("redis://h:port", "host"),
        ("redis://h:99999", "host"),
        ("redis://a,b", "Several hosts"),
        ("redis+cluster://a,b/1", "database 0"),
        ("redis+sentinel://a,b", "service name"),
        ("redis+sentinel://a,b/", "service name"),
        ("redis+sentinel://a,,b/m", "host"),
        ("redis://h/0\n", "space"),
        ("redis://h /0", "space"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix:///", "three slashes"),
    ],
)
def test_a_bad_url_is_refused_with_its_reason_and_without_its_password(
    url: str, because: str
) -> None:
    with pytest.raises(InvalidOption) as caught:
        check_url(url)
    assert because in caught.value.cause
    assert "kAnA" not in str(caught.value)
    assert "rY" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("redis://h", None),
        ("redis://ana@h", None),
        ("redis://ana:@h", None),
        ("redis://:a%2Fb@h", "a/b"),
        ("unix://:pw@/run/r.sock", "pw"),
        ("unix:///run/a:b@c.sock", None),
    ],
)
def test_the_password_is_read_decoded(url: str, password: str | None) -> None:
    assert password_of(url) == password


@given(st.text(min_size=1), st.sampled_from(["", "ana"]))
def test_a_password_put_in_is_the_one_read_back(password: str, user: str) -> None:
    url = with_password(
        f"redis://{quote(user)}:old@h:1/2?a=b" if user else "redis://h:1/2?a=b", password
    )
    assert password_of(check_url(url)) == password
    assert url.endswith("@h:1/2?a=b")


def test_a_socket_keeps_its_path_when_a_password_is_put_in() -> None:
    assert with_password("unix:///run/r.sock?db=1", "p/w") == "unix://:p%2Fw@/run/r.sock?db=1"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("redis://:pw@Prod-1.example.com:6379/0", ("prod-1.example.com",)),
        ("redis+cluster://a:1,b", ("a", "b")),
        ("redis://[::1]:1", ("::1",)),
        ("unix:///run/r.sock", ()),
    ],
)
def test_the_hosts_are_read(url: str, hosts: tuple[str, ...]) -> None:
    assert hosts_of(url) == hosts


@pytest.mark.parametrize(
    ("query", "is_off"),
    [
        ("", False),
        ("ssl_cert_reqs=required", False),
        ("ssl_cert_reqs=none", True),
        ("ssl_cert_reqs=NONE", True),
        ("ssl_check_hostname=false", True),
        ("ssl_check_hostname=true", False),
        ("db=0&ssl_%63ert_reqs=none", True),
    ],
)
def test_a_url_that_switches_verification_off_is_noticed(query: str, is_off: bool) -> None:
    assert disables_verification(f"rediss://h/0?{query}") is is_off
