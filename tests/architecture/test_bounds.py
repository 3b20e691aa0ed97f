"""No command reads without a bound: neither in a script nor sent by itself.

What grows with the number of tasks is read by pieces. What is read whole is named here, with what
bounds it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LUA = sorted((ROOT / "rediq_core" / "scripts" / "lua").rglob("*.lua"))
PYTHON = sorted((ROOT / "rediq_core").rglob("*.py"))

NEVER = {"KEYS", "SORT", "FLUSHALL", "FLUSHDB", "HVALS"}
BY_RANK = {"ZRANGE", "ZREVRANGE", "LRANGE"}
NEEDS = {
    "COUNT": {"XRANGE", "XREVRANGE", "SCAN", "ZSCAN", "HSCAN", "SSCAN"},
    "LIMIT": {"ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "ZRANGEBYLEX", "ZREVRANGEBYLEX"},
}
WHOLE = {"HGETALL", "HKEYS", "SMEMBERS"}
# What is read whole, and why that is bounded.
SMALL = {
    "k_policy": "a queue's settings, one field each",
    "k_counters": "a counter for each kind of event",
    "k_minute": "a counter for each kind of event, and buckets of durations",
    "k_minute_before": "as the minute",
    "key": "hours and days of a queue, trimmed to what is kept",
}


def calls_of(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each `redis.call`, as they are written."""
    for match in re.finditer(r"redis\.p?call\(", text):
        words, depth = [""], 1
        for piece in re.finditer(r"'[^']*'|.", text[match.end() :], re.DOTALL):
            depth += (piece[0] in "([{") - (piece[0] in ")]}")
            if depth == 0:
                break
            if piece[0] == "," and depth == 1:
                words.append("")
            else:
                words[-1] += piece[0]
        yield [word.strip() for word in words]


def fault_of(words: list[str]) -> str:
    """Return what is wrong with a call, "" if nothing is."""
    names = set(re.findall(r"'([A-Z]+)'", words[0])) or {words[0]}
    options = {word.strip("'") for word in words[1:]}
    if names & NEVER:
        return "never"
    if names & BY_RANK and words[3].strip("'").startswith("-"):
        return "to the last rank"
    if names & WHOLE and words[1] not in SMALL:
        return "reads all"
    missing = [
        option for option, names_ in NEEDS.items() if names & names_ and option not in options
    ]
    return f"no {missing[0]}" if missing else ""


@pytest.mark.parametrize("path", LUA, ids=lambda path: path.stem)
def test_every_read_of_a_script_is_bounded(path: Path) -> None:
    faults = {", ".join(words): fault_of(words) for words in calls_of(path.read_text())}

    assert {call: fault for call, fault in faults.items() if fault} == {}


def test_every_command_that_is_sent_by_itself_is_bounded() -> None:
    found = {}
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Tuple) or not node.elts:
                continue
            words = [_written(element) for element in node.elts]
            if re.fullmatch(r"'[A-Z]+'", words[0]) and len(words) > 1:
                fault = fault_of(words)
                # The names of all queues, and rows of one worker, operation or queue's policy.
                if fault and fault != "reads all":
                    found[f"{path.name}:{node.lineno}"] = fault

    assert found == {}


def _written(element: ast.expr) -> str:
    return ast.unparse(element)


@pytest.mark.parametrize(
    "call",
    [
        "redis.call('KEYS', '*')",
        "redis.call('ZRANGE', k_dead, 0, -1)",
        "redis.call('ZRANGEBYSCORE', k_dead, '-inf', f(now, 1))",
        "redis.call(a and 'ZREVRANGE' or 'ZRANGE', key, 0, -1)",
        "redis.call('HGETALL', k_tasks)",
        "redis.call('XRANGE', k_events, '-', '+')",
    ],
)
def test_what_is_not_bounded_is_seen(call: str) -> None:
    (words,) = calls_of(call)

    assert fault_of(words) != ""
