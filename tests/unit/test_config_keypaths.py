"""Names of settings are read and written alike, and each is found on its line."""

from __future__ import annotations

import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from rediq_core.config.keypaths import join_key, key_lines, line_of, split_key
from rediq_core.errors import ConfigError

DOCUMENT = '''\
# [worker]
title = "a # b [worker]"   # comment = 1
worker.lease = "5s"

[redis]   # the server
url = """
[queues]
concurrency = 3
"""
'password' = \'\'\'
x = 1\'\'\'
tls = { ca = "a", cert = "[b" }
list = [
  "x = 1",  # ]
  ["y"],
]
after = 1

[queues."a.b"]
weight = 3
[ queues . payment ]
backoff.kind = "fixed"
[queues.sms.retention]
dead = { age = "1d" }
[[extra]]
key = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("worker", "lease"), 3),
        (("worker",), 3),
        (("redis",), 5),
        (("redis", "url"), 6),
        (("redis", "password"), 10),
        (("redis", "tls"), 12),
        (("redis", "tls", "cert"), 12),
        (("redis", "list"), 13),
        (("redis", "after"), 17),
        (("redis", "concurrency"), 5),
        (("queues", "a.b"), 19),
        (("queues", "a.b", "weight"), 20),
        (("queues", "payment", "backoff"), 22),
        (("queues", "payment", "backoff", "kind"), 22),
        (("queues", "sms"), 23),
        (("queues", "sms", "retention", "dead", "age"), 24),
        (("queues",), 19),
        (("extra", "key"), 26),
        (("nothing",), 0),
    ],
)
def test_each_setting_is_found_on_its_line(path: tuple[str, ...], line: int) -> None:
    tomllib.loads(DOCUMENT)
    assert line_of(key_lines(DOCUMENT), path) == line


def test_carriage_returns_and_a_missing_last_line_feed_are_taken() -> None:
    text = "[redis]\r\nurl = 'x'\r\n\r\n[worker]\r\nlease = 1"
    assert line_of(key_lines(text), ("worker", "lease")) == 5


KEYS = st.text(max_size=6)
VALUES = st.recursive(
    st.integers(0, 9) | st.text(max_size=12) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_the_scanner_agrees_with_the_parser_on_any_document(document: dict[str, object]) -> None:
    text = tomli_w.dumps(document)
    lines = text.split("\n")
    for path, number in key_lines(text).items():
        value: object = document
        for part in path:
            while isinstance(value, list):  # a list of tables: [[name]]
                value = next(entry for entry in value if part in entry)
            assert isinstance(value, dict)
            assert part in value
            value = value[part]
        assert lines[number - 1].lstrip().startswith(("[", path[-1][:1], '"', "'"))
    for key in document:
        assert line_of(key_lines(text), (key,)) > 0


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("worker.lease", ("worker", "lease")),
        ("queues.order:payment.weight", ("queues", "order:payment", "weight")),
        ('queues."a.b".weight', ("queues", "a.b", "weight")),
        ("queues.'a.b'.weight", ("queues", "a.b", "weight")),
        (" redis . url ", ("redis", "url")),
        ("log", ("log",)),
    ],
)
def test_a_typed_name_is_read(typed: str, path: tuple[str, ...]) -> None:
    assert split_key(typed) == path


@pytest.mark.parametrize("typed", ["", ".", "a.", ".a", "a..b", 'a."b', 'a"b"', "a b", "   "])
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(ConfigError, match="E014"):
        split_key(typed)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_written_name_reads_back(path: list[str]) -> None:
    assert split_key(join_key(path)) == tuple(path)
