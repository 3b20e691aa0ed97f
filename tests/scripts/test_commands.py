"""Script text is constant, and uses only what Redis 6.0 has."""

from __future__ import annotations

import re

import pytest

from rediq_core.scripts.loader import load, script_names
from tests.scripts.test_keys import CALLS
from tests.support.catalogue import Lively
from tests.support.rig import Rig

# Every command the scripts may call, with the version of Redis that brought it.
COMMANDS = {
    **dict.fromkeys(
        ["HGET", "HSET", "HDEL", "HMGET", "HLEN", "HKEYS", "HEXISTS", "HGETALL"], (2, 0)
    ),
    **dict.fromkeys(["HSETNX", "HINCRBY", "LLEN", "RPUSH", "EXPIRE", "TYPE", "DEL"], (2, 0)),
    **dict.fromkeys(["PERSIST", "HSTRLEN"], (3, 2)),
    **dict.fromkeys(["ZADD", "ZREM", "ZCARD", "ZSCORE", "ZRANGE", "ZREVRANGE"], (2, 0)),
    **dict.fromkeys(["ZRANGEBYSCORE", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE"], (2, 0)),
    **dict.fromkeys(["HINCRBYFLOAT", "TIME"], (2, 6)),
    **dict.fromkeys(["HSCAN", "ZSCAN", "ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZLEXCOUNT"], (2, 8)),
    **dict.fromkeys(["XADD", "XLEN", "XREVRANGE", "XDEL"], (5, 0)),
}
# Every literal option, by command. What came later (ZADD GT, ZRANGE BYSCORE, …) is not here.
OPTIONS = {
    ("ZADD", "XX"): (3, 0),
    ("ZADD", "NX"): (3, 0),
    ("ZRANGE", "WITHSCORES"): (2, 0),
    ("ZREVRANGE", "WITHSCORES"): (2, 0),
    ("ZRANGEBYSCORE", "WITHSCORES"): (2, 0),
    ("ZRANGEBYSCORE", "LIMIT"): (2, 0),
    ("ZRANGEBYLEX", "LIMIT"): (2, 8),
    ("ZREVRANGEBYLEX", "LIMIT"): (2, 8),
    ("XREVRANGE", "COUNT"): (5, 0),
    ("HSCAN", "COUNT"): (2, 8),
    ("ZSCAN", "COUNT"): (2, 8),
    ("XADD", "MAXLEN"): (5, 0),
}
FLOOR = (6, 0)
FORBIDDEN_LUA = (
    "loadstring",
    "dofile",
    "cjson",
    "cmsgpack",
    "redis.pcall",
    "redis.acl",
    "redis.setresp",
)


def test_every_command_is_known_to_redis_6() -> None:
    used = {
        command
        for name in script_names()
        for command in re.findall(r"redis\.call\(\s*'(\w+)'", load(name).body)
    }
    applied = {
        command
        for name in script_names()
        for command in re.findall(r"apply\('(\w+)'", load(name).body)
    }

    assert {command: COMMANDS[command] for command in used | applied}
    assert all(COMMANDS[command] <= FLOOR for command in used | applied)


def test_every_option_is_known_to_redis_6() -> None:
    used = set()
    for name in script_names():
        for command, rest in re.findall(
            r"redis\.call\(\s*'(\w+)'((?:[^()]|\([^()]*\))*)\)", load(name).body
        ):
            used |= {(command, option) for option in re.findall(r"'([A-Z]{2,})'", rest)}

    assert used - set(OPTIONS) == set()
    assert all(OPTIONS[option] <= FLOOR for option in used)


def test_no_command_name_is_built() -> None:
    for name in script_names():
        built = re.findall(r"redis\.call\(\s*(?!')([^,]+),", load(name).body)

        assert set(built) <= {"command", "a_reverse == '1' and 'ZREVRANGE' or 'ZRANGE'"}, name


@pytest.mark.parametrize("word", FORBIDDEN_LUA)
def test_no_script_runs_or_rewrites_data(word: str) -> None:
    assert [name for name in script_names() if word in load(name).body] == []


def test_the_server_learns_no_script_but_these(rig: Rig) -> None:
    rig.client.script_flush()
    for build in CALLS.values():
        rig.client.flushall()
        rig.executor.run(build(Lively(rig)))

    known = rig.client.script_exists(*[load(name).sha for name in script_names()])
    legacy = rig.client.script_exists(*[load(name).legacy_sha for name in script_names()])
    scripts = int(rig.client.info("memory")["number_of_cached_scripts"])
    assert all(is_new or is_old for is_new, is_old in zip(known, legacy, strict=True))
    # A server before Redis 7 has been tried with the body it refuses, which it does not keep.
    assert scripts == len(script_names())
