"""Which server a key is on, from what Sentinels and Cluster nodes have said."""

from __future__ import annotations

import pytest
from redis.crc import key_slot

from rediq_core.connection.failures import Redirect, ReplyError
from rediq_core.connection.router import (
    ClusterDirectory,
    Detour,
    FixedDirectory,
    SentinelDirectory,
    directory_for,
    slot_of,
)
from rediq_core.connection.topology import Address, parse_url
from rediq_core.errors import ConfigError

KEY = "rediq:{default}:pending"
A, B, C = Address("10.0.0.1", 7000), Address("10.0.0.2", 7000), Address("10.0.0.3", 7000)


def row(address: Address) -> list[object]:
    return [address.host.encode(), address.port, b"id"]


def master(name: str, address: Address, *, flags: str = "master") -> list[bytes]:
    fields = ("name", name, "ip", address.host, "port", str(address.port), "flags", flags)
    return [text.encode() for text in fields]


SLOTS = [[0, 8191, row(A), row(C)], [8192, 16383, row(B)]]


def cluster() -> ClusterDirectory:
    return ClusterDirectory(parse_url("redis+cluster://seed:7000"))


def test_each_mode_has_its_directory() -> None:
    kinds = [
        type(directory_for(parse_url(url)))
        for url in ("redis://h", "unix:///s", "redis+sentinel://h/m", "redis+cluster://h")
    ]

    assert kinds == [FixedDirectory, FixedDirectory, SentinelDirectory, ClusterDirectory]


def test_all_keys_of_a_queue_share_a_slot() -> None:
    # CLUSTER KEYSLOT of a real server says the same.
    assert {slot_of(f"rediq:{{default}}:{name}") for name in ("tasks", "wake")} == {
        slot_of("default")
    }
    assert slot_of("foo") == 12182
    # redis-py, which asks nobody either, says the same of every shape of a key.
    for name in ("foo", "{foo}x", "x{foo}", "{}x", "{{a}}b", "{a", "a}b", "ä{ö}", "a{b}{c}", ""):
        assert slot_of(name) == key_slot(name.encode())


def test_one_server_has_every_key_and_is_never_asked() -> None:
    directory = FixedDirectory(parse_url("redis://10.0.0.1:7000"))

    assert directory.find(KEY) == A
    assert directory.find(None) == A
    assert list(directory.masters()) == [A]
    assert list(directory.whom_to_ask()) == []


def test_a_redirect_from_a_single_server_names_the_right_url() -> None:
    directory = FixedDirectory(parse_url("redis://10.0.0.1:7000"))

    with pytest.raises(ConfigError, match=r"redis\+cluster://10.0.0.1:7000"):
        directory.moved(5, B)


def test_a_cluster_knows_nothing_before_the_first_map() -> None:
    directory = cluster()

    assert directory.find(KEY) is None
    assert directory.find(None) is None
    assert list(directory.masters()) == []
    assert list(directory.whom_to_ask()) == [Address("seed", 7000)]


def test_a_cluster_map_gives_each_slot_its_master() -> None:
    directory = cluster()

    directory.learn(SLOTS, A)

    assert slot_of("foo") == 12182
    # redis-py, which asks nobody either, says the same of every shape of a key.
    for name in ("foo", "{foo}x", "x{foo}", "{}x", "{{a}}b", "{a", "a}b", "ä{ö}", "a{b}{c}", ""):
        assert slot_of(name) == key_slot(name.encode())
    assert directory.find("foo") == B
    assert directory.find("rediq:{default}:x") == (A if slot_of("default") < 8192 else B)
    assert directory.find(None) in (A, B)
    assert list(directory.masters()) == [A, B]
    assert set(directory.whom_to_ask()) == {A, B, C, Address("seed", 7000)}
    assert directory.generation == 1


def test_an_empty_map_is_no_help() -> None:
    directory = cluster()

    with pytest.raises(ReplyError) as caught:
        directory.learn([], A)

    assert caught.value.code == "CLUSTERDOWN"
    assert directory.generation == 0


def test_a_slot_that_nobody_serves_has_no_server() -> None:
    directory = cluster()
    directory.learn([[0, 100, row(A)]], A)

    assert directory.find("foo") is None


def test_a_node_without_a_host_is_the_one_that_was_asked() -> None:
    directory = cluster()
    directory.learn([[0, 16383, [b"", 7005, b"id"]]], A)

    assert directory.find(KEY) == Address("10.0.0.1", 7005)


def test_a_redirect_patches_one_slot() -> None:
    directory = cluster()
    directory.learn(SLOTS, A)

    directory.moved(slot_of("foo"), C)

    assert directory.find("foo") == C
    assert directory.find("bar") == (A if slot_of("bar") < 8192 else B)
    assert list(directory.masters()) == [A, B, C]
    assert directory.generation == 1


def test_the_sentinel_that_answered_is_asked_first_next_time() -> None:
    directory = SentinelDirectory(parse_url("redis+sentinel://s1,s2,s3/m"))
    s1, s2, s3 = (Address(name, 26379) for name in ("s1", "s2", "s3"))

    directory.learn([master("other", B), master("m", A)], s2)

    assert list(directory.whom_to_ask()) == [s2, s1, s3]
    assert directory.find(KEY) == A
    assert list(directory.masters()) == [A]


def test_a_name_that_no_sentinel_knows_is_a_mistake_in_the_url() -> None:
    directory = SentinelDirectory(parse_url("redis+sentinel://s1,s2/typo"))

    with pytest.raises(ReplyError):
        directory.learn([master("m", A)], Address("s1", 26379))
    with pytest.raises(ConfigError, match="'typo'"):
        directory.learn([], Address("s2", 26379))


@pytest.mark.parametrize("flags", ["s_down,master", "master,o_down", "master,disconnected"])
def test_a_master_that_a_sentinel_finds_down_is_not_taken(flags: str) -> None:
    directory = SentinelDirectory(parse_url("redis+sentinel://s1/m"))
    directory.learn([master("m", A)], Address("s1", 26379))

    with pytest.raises(ReplyError) as caught:
        directory.learn([master("m", B, flags=flags)], Address("s1", 26379))

    assert caught.value.code == "NOMASTER"
    assert directory.find(KEY) == A


def test_a_moved_reply_patches_the_map_and_needs_no_refresh() -> None:
    topology = parse_url("redis+cluster://seed:7000")
    directory = ClusterDirectory(topology)
    directory.learn(SLOTS, A)
    detour = Detour(directory.generation)

    detour.note(Redirect("MOVED", "12182 10.0.0.3:7000"), directory, topology)

    assert directory.find("foo") == C
    assert (detour.ask_at, detour.is_stale) == (None, False)


def test_an_ask_reply_holds_for_one_try_only() -> None:
    topology = parse_url("redis+cluster://seed:7000")
    directory = ClusterDirectory(topology)
    directory.learn(SLOTS, A)
    detour = Detour(directory.generation)

    detour.note(Redirect("ASK", "12182 10.0.0.3:7000"), directory, topology)
    assert (detour.ask_at, directory.find("foo")) == (C, B)

    detour.note(ConnectionResetError(), directory, topology)
    assert (detour.ask_at, detour.is_stale) == (None, True)
