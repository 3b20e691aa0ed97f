"""Script files keep a contract that the loader checks; their text is constant."""

from __future__ import annotations

import hashlib

import pytest

from rediq_core.scripts.loader import ScriptError, load, parse, script_names

GOOD = """#!lua flags=allow-oom
-- probe: say what is there.
-- KEYS tasks pending
-- KEYS minute
-- ARGV now:ms want:int
-- RETURNS [now]
-- MOVES none
--@include now
return {now}
"""


def test_a_header_gives_names_to_keys_and_arguments() -> None:
    script = parse("probe", GOOD)

    assert script.purpose == "say what is there."
    assert script.keys == ("tasks", "pending", "minute")
    assert script.args == ("now", "want")
    assert (script.returns, script.moves, script.is_read_only) == ("[now]", "none", False)
    assert "local k_tasks,k_pending,k_minute=KEYS[1],KEYS[2],KEYS[3]" in script.body
    assert "local a_now,a_want=ARGV[1],ARGV[2]" in script.body


def test_includes_are_put_where_they_are_named() -> None:
    body = parse("probe", GOOD).body

    assert "--@include" not in body
    assert body.index("local now = ") < body.index("return {now}")


def test_a_script_carries_the_sha_of_each_of_its_bodies() -> None:
    script = parse("probe", GOOD)

    assert script.sha == hashlib.sha1(script.body.encode()).hexdigest()
    assert script.legacy_sha == hashlib.sha1(script.legacy_body.encode()).hexdigest()


def test_servers_before_redis_7_get_no_first_line() -> None:
    script = parse("probe", GOOD)

    assert script.body.startswith("#!lua flags=allow-oom\n")
    assert not script.legacy_body.startswith("#!")


def test_before_redis_7_a_harmless_write_opens_the_way_at_maxmemory() -> None:
    allowed = parse("probe", GOOD)
    refused = parse("probe", GOOD.replace(" flags=allow-oom", ""))

    assert "redis.call('PERSIST', KEYS[1])" in allowed.legacy_body
    assert "PERSIST" not in refused.legacy_body
    assert "PERSIST" not in allowed.body


def test_a_script_without_writes_says_so() -> None:
    assert parse("probe", GOOD.replace("allow-oom", "no-writes,allow-stale")).is_read_only


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("#!lua flags=allow-oom\n", "", "does not start with #!lua"),
        ("-- probe: say what is there.", "-- other: say.", "lacks"),
        ("-- RETURNS [now]", "--", "lacks"),
        ("-- MOVES none", "--", "lacks"),
        ("-- KEYS tasks pending\n-- KEYS minute\n", "", "lacks"),
        ("-- KEYS tasks", "-- KEYS task", "not in the schema"),
        ("-- KEYS tasks", "-- KEYS tasks tasks", "twice"),
        ("-- KEYS tasks", "-- KEYS minute tasks", "minute not last"),
    ],
)
def test_a_script_that_breaks_the_contract_is_refused(old: str, new: str, reason: str) -> None:
    assert old in GOOD

    with pytest.raises(ScriptError, match=reason):
        parse("probe", GOOD.replace(old, new))


def test_every_script_of_the_package_keeps_the_contract() -> None:
    names = script_names()

    assert {"enqueue", "exchange", "renew", "reap", "moves"} <= set(names)
    assert [load(name).name for name in names] == names
    assert all(load(name).args[0] == "now" for name in names)


def test_a_script_is_read_once_a_process() -> None:
    assert load("exchange") is load("exchange")
