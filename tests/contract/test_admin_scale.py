"""What many tasks cost an operator: bounded scripts, first pages at once, one cause of many.

Each promise has a small test that always runs and a large one (a million tasks over a hundred
queues, a hundred thousand failures) that runs in the full suite. The bounds are the contract's,
measured on the shared machine of the tests; the scripts' own times are the server's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from rediq_core.model.state import TaskState
from rediq_core.model.where import parse_where
from tests.support.cli import Ended, run
from tests.support.desk import NAMESPACE, Desk, where
from tests.support.figures import figure
from tests.support.seeding import seed
from tests.support.servers import standalone

CAUSES = ("4f2a0000", "77777777", "88888888")
# The longest that one script may hold the server, in microseconds.
SCRIPT_US = 25_000
QUEUE_LIST_S = PAGE_S = 0.3
FAILURES_S = 0.5


class Watch:
    """Ask the server which of its commands were slow."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        client.config_set("slowlog-log-slower-than", SCRIPT_US)
        client.config_set("slowlog-max-len", 1_000)
        client.slowlog_reset()
        client.config_resetstat()

    def slow(self) -> list[tuple[float, bytes]]:
        """Return the commands that took longer than a script may, but those that seeded."""
        rows = self._client.slowlog_get(1_000)
        return [
            (row["duration"] / 1_000, row["command"][:120])
            for row in rows
            if row["command"].startswith(b"EVAL")
        ]

    def commands(self) -> set[str]:
        return {name.removeprefix("cmdstat_") for name in self._client.info("commandstats")}


def best_of(number: int, ask: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several calls: what it costs when nobody disturbs."""
    seconds = []
    for _ in range(number):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def test_a_page_of_many_is_read_without_looking_at_the_others(desk: Desk) -> None:
    at_ms = desk.server_ms() - 1_000
    for number in range(5):
        seed(desk.client, NAMESPACE, f"q{number}", "dead", 4_000, at_ms=at_ms, causes=CAUSES)
    watch = Watch(desk.client)

    assert len(desk.admin.queues()) == 5
    page = desk.admin.select(where("dead:q3"), limit=50, is_reversed=True)
    rows = desk.admin.failures()

    assert (page.scanned, page.total) == (50, 4_000)
    assert [row.tasks for row in rows] == [6_670, 6_665, 6_665]
    assert watch.slow() == []
    assert "keys" not in watch.commands()


@pytest.mark.slow
def test_a_retry_of_one_cause_reads_no_other_task(desk: Desk) -> None:
    at_ms = desk.server_ms() - 1_000
    ids = seed(desk.client, NAMESPACE, "q", "dead", 6_000, at_ms=at_ms, causes=CAUSES)
    watch = Watch(desk.client)

    report = desk.admin.move("retry", where("dead:q cause:4f2a"), by="ada@host")

    assert report.moved == tuple(ids[::3])
    assert desk.admin.counts(where("dead:q")) == {TaskState.DEAD: 4_000}
    assert watch.slow() == []


def test_a_rare_value_is_found_with_its_coverage(desk: Desk) -> None:
    at_ms = desk.server_ms() - 1_000
    seed(desk.client, NAMESPACE, "q", "pending", 5_000, at_ms=at_ms, payload=_user_of)
    looks: list[int] = []

    search = desk.admin.search(
        where("q payload.user:4321"),
        limit=50,
        budget=100_000,
        on_look=lambda at: looks.append(at.scanned),
    )
    found = list(search)

    assert [task.payload for task in found] == [{"user": 4321}]
    assert (search.scanned, search.total, search.is_complete) == (5_000, 5_000, True)
    assert looks == list(range(100, 5_001, 100))


def _user_of(number: int) -> bytes:
    return b'{"user":%d}' % number


@pytest.fixture(scope="module")
def million() -> Iterator[tuple[str, redis.Redis]]:
    """A server of its own with a million tasks over a hundred queues."""
    with standalone() as server:
        client = server.client()
        at_ms = int(client.time()[0]) * 1_000
        for number in range(100):
            queue = f"q{number:02}"
            seed(client, NAMESPACE, queue, "pending", 9_000, at_ms=at_ms, payload=_user_of)
            seed(client, NAMESPACE, queue, "dead", 1_000, at_ms=at_ms, causes=CAUSES)
        yield server.url, client
        client.close()


def cli(url: str, *words: str, tmp: Path) -> Ended:
    environment = {"REDIQ_URL": url, "REDIQ_REDIS_NAMESPACE": NAMESPACE}
    return run(*words, env=environment, cwd=tmp)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_million_tasks_over_a_hundred_queues(
    million: tuple[str, redis.Redis], tmp_path: Path
) -> None:
    url, client = million
    watch = Watch(client)

    listed = best_of(3, lambda: cli(url, "queue", "list", tmp=tmp_path))
    paged = best_of(3, lambda: cli(url, "task", "list", "dead:q42", tmp=tmp_path))
    failures = best_of(3, lambda: cli(url, "failures", tmp=tmp_path))
    rare = cli(
        *(url, "task", "list", "pending", "payload.user:8765", "-o", "ids"),
        *("--scan", "120000", "--limit", "50"),
        tmp=tmp_path,
    )

    assert (listed < QUEUE_LIST_S, paged < PAGE_S, failures < FAILURES_S) == (True, True, True), (
        listed,
        paged,
        failures,
    )
    assert len(rare.out.split()) == 13
    assert rare.err == "scanned 120,000 of 900,000, 13 hits. More: --scan N\n"
    assert watch.slow() == []
    assert "keys" not in watch.commands()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_thousand_failures_of_three_causes(
    redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    with Desk(redis_url, redis_client) as desk:
        at_ms = desk.server_ms() - 1_000
        ids = seed(redis_client, NAMESPACE, "q", "dead", 100_000, at_ms=at_ms, causes=CAUSES)
        watch = Watch(redis_client)

        took = best_of(3, lambda: cli(redis_url, "failures", tmp=tmp_path))
        rows = cli(redis_url, "failures", "--json", tmp=tmp_path).json
        began = time.perf_counter()
        report = desk.admin.move("retry", parse_where(["dead", "cause:4f2a"]), by="ada@host")
        retried = time.perf_counter() - began

        assert isinstance(rows, list)
        assert [(row["cause"], row["tasks"]) for row in rows] == [
            ("4f2a0000", 33_334),
            ("77777777", 33_333),
            ("88888888", 33_333),
        ]
        assert took < FAILURES_S
        assert report.moved == tuple(ids[::3])
        assert desk.admin.counts(parse_where(["pending:q"])) == {TaskState.PENDING: 33_334}
        figure("S14", "retry of 33,334 tasks of one cause", retried, "s", at_most=10)
        assert watch.slow() == []
