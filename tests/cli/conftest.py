"""The command line over queues of the shared server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import redis

from tests.support.cli import Ended, run
from tests.support.desk import NAMESPACE, Desk

Rediq = Callable[..., Ended]


@pytest.fixture
def desk(redis_url: str, redis_client: redis.Redis) -> Iterator[Desk]:
    """An operator's desk on the emptied server, to fill its queues."""
    with Desk(redis_url, redis_client) as desk:
        yield desk


@pytest.fixture
def server(redis_url: str) -> dict[str, str]:
    """The environment that leads to the desk's queues."""
    return {"REDIQ_URL": redis_url, "REDIQ_REDIS_NAMESPACE": NAMESPACE}


@pytest.fixture
def rediq(server: dict[str, str]) -> Rediq:
    """Run a command line against the desk's queues."""
    return partial(run, env=server)


@pytest.fixture
def stable() -> Callable[[str], str]:
    """Return a function that names what differs from run to run."""
    return stabilised


def stabilised(text: str) -> str:
    """Replace ids, operations, instants, ages, rates and user names; runs of spaces become two."""
    names: dict[str, str] = {}
    text = re.sub(r"\bop-[0-9A-Z]+", "OPERATION", text)
    text = re.sub(
        r"\b0[0-9A-HJKMNP-TV-Z]{25}\b",
        lambda match: names.setdefault(match[0], f"ID{len(names) + 1}"),
        text,
    )
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "INSTANT", text)
    text = re.sub(r"\b\d+(?:\.\d+)?(?:ms|s|m|h|d)\b(?: \d+(?:s|m|h)\b)?", "AGE", text)
    text = re.sub(r"\b\d+\.\d+\b", "RATE", text)
    text = re.sub(r"\S+@\S+(?=, AGE)", "SOMEBODY", text)
    return re.sub(r"(?<=\S) {2,}", "  ", text)
