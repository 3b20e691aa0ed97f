"""`rediq stats` and `rediq metrics`: the numbers that are in Redis, for people and for scripts."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from rediq_cli.output.stats import TREND_CELLS, trend
from rediq_cli.output.terminal import Terminal
from tests.cli.conftest import Rediq
from tests.support.cli import PROGRAM, ROOT, clean_environment, in_terminal
from tests.support.desk import Desk

COUNTS = ("enqueued", "completed", "failed", "retried", "dead", "lost")


@pytest.fixture
def busy(desk: Desk) -> Desk:
    desk.completed("mail", 9)
    desk.dead("mail", 1)
    desk.retry("slow", 4)
    desk.pending("slow", 3)
    desk.queue("mail").worker("hist#1").exchange(0, histogram="r0 50 r24 50 w3 100")
    return desk


def records(rediq: Rediq, *words: str) -> list[dict[str, Any]]:
    ended = rediq("stats", *words, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert isinstance(ended.json, list)
    return ended.json


def test_the_table_has_a_row_a_queue_and_their_sum(rediq: Rediq, busy: Desk) -> None:
    ended = rediq("stats")

    assert ended.code == 0
    rows = [line.split() for line in ended.out.splitlines()]
    assert [row[0] for row in rows] == ["QUEUE", "mail", "slow", "(all)"]
    assert [row[1:5] for row in rows[1:]] == [
        ["10", "10", "1", "1"],
        ["7", "4", "4", "0"],
        ["17", "14", "5", "1"],
    ]


def test_the_page_of_a_queue_tells_how_long_its_runs_took(rediq: Rediq, busy: Desk) -> None:
    page = [line.split() for line in rediq("queue", "inspect", "mail", "slow").out.splitlines()]
    told = rediq("queue", "inspect", "mail", "--json").json
    (mail,) = records(rediq, "mail", "--range", "15m")

    runs = [line for line in page if line[0] in ("run", "wait")]
    assert [line[1:3] for line in runs] == [["p50", "0ms,"], ["p50", "3ms,"]]
    assert runs[0][-5:] == ["100", "runs", "in", "15", "min"]
    assert isinstance(told, dict)
    durations = [
        f"{what}_{share}_ms" for what in ("run", "wait") for share in ("p50", "p95", "p99")
    ]
    assert [told[name] for name in durations] == [mail[name] for name in durations]
    assert told["run_p99_ms"] > told["run_p50_ms"]
    assert told["rates"]["15m"]["enqueued_per_s"] == 10 / 900
    assert told["rates"]["1m"]["enqueued_per_s"] == pytest.approx(told["enqueued_per_s"], rel=0.1)


def test_json_has_counts_percentiles_and_a_series_of_every_minute(rediq: Rediq, busy: Desk) -> None:
    mail, slow, together = records(rediq)

    assert [mail[name] for name in COUNTS] == [10, 9, 1, 0, 1, 0]
    assert [slow[name] for name in COUNTS] == [7, 0, 4, 4, 0, 0]
    assert together["queue"] is None
    assert (mail["run_p50_ms"], mail["step_s"]) == (0, 60)
    assert mail["run_p99_ms"] == pytest.approx(150, abs=10)
    assert mail["wait_p95_ms"] == 3
    assert len(mail["series"]["at"]) == 61
    assert sum(mail["series"]["completed"]) == 9
    assert (slow["pending"], mail["pending"]) == (3, 0)


def test_a_backlog_that_grows_is_never_drained(rediq: Rediq, busy: Desk) -> None:
    (slow,) = records(rediq, "slow")

    assert slow["eta_s"] is None
    assert "never" in rediq("stats", "slow").out


@pytest.mark.parametrize(("text", "buckets"), [("1m", 2), ("8d", 193), ("90d", 91)])
def test_ranges_choose_their_buckets(rediq: Rediq, busy: Desk, text: str, buckets: int) -> None:
    (mail,) = records(rediq, "mail", "--range", text)

    assert len(mail["series"]["at"]) == buckets
    assert mail["completed"] == 9


def test_a_wrong_range_or_queue_says_so(rediq: Rediq, busy: Desk) -> None:
    assert rediq("stats", "--range", "1y").code == 2
    assert rediq("stats", "--range", "10s").code == 2
    assert rediq("stats", "mial").code == 3


def test_without_queues_it_says_what_is_missing(rediq: Rediq, desk: Desk) -> None:
    ended = rediq("stats")

    assert ended.code == 0
    assert "no queue yet" in ended.err


def test_a_screen_gets_a_trend_and_a_pipe_does_not(
    rediq: Rediq, busy: Desk, server: dict[str, str]
) -> None:
    code, screen = in_terminal("stats", "mail", "--no-color", env=server)

    assert code == 0
    assert "TREND" in screen.decode()
    assert "TREND" not in rediq("stats").out


@pytest.mark.parametrize(
    ("numbers", "drawn"),
    [((), ""), ((0, 0), "▁▁"), ((1, 2, 4, 8), "▂▃▅█"), ((5,), "█")],
)
def test_a_trend_is_scaled_to_its_largest(numbers: tuple[int, ...], drawn: str) -> None:
    assert trend(numbers, Terminal()) == drawn


def test_a_trend_of_many_buckets_keeps_its_width() -> None:
    drawn = trend(range(90), Terminal(has_unicode=False))

    assert (len(drawn), drawn[0], drawn[-1]) == (TREND_CELLS, "_", "#")


def test_watch_shows_it_again_until_it_is_stopped(busy: Desk, server: dict[str, str]) -> None:
    watching = subprocess.Popen(
        [*PROGRAM, "stats", "mail", "--watch", "--every", "0.1", "-o", "jsonl"],
        stdout=subprocess.PIPE,
        env=clean_environment(server),
        cwd=ROOT,
        text=True,
    )
    assert watching.stdout is not None
    lines = [watching.stdout.readline() for _ in range(3)]
    watching.terminate()
    watching.communicate(timeout=10)

    assert [json.loads(line)["completed"] for line in lines] == [9, 9, 9]


def test_metrics_prints_the_exposition_once(rediq: Rediq, busy: Desk) -> None:
    ended = rediq("metrics")

    assert (ended.code, ended.err) == (0, "")

    def value(name: str) -> str | None:
        found = re.search(re.escape(name) + r" (.+)", ended.out)
        return found[1] if found else None

    assert value('rediq_queue_pending{queue="slow"}') == "3.0"
    assert value('rediq_queue_retry{queue="slow"}') == "4.0"
    assert value('rediq_queue_dead{queue="mail"}') == "1.0"
    assert value('rediq_task_error_total{error="",queue="slow",type=""}') == "4.0"
    assert value('rediq_task_processing_duration_count{queue="mail",type=""}') == "100.0"
    assert value('rediq_task_processing_duration_bucket{le="0.1",queue="mail",type=""}') == "50.0"
    assert value('rediq_task_processing_duration_bucket{le="0.25",queue="mail",type=""}') == "100.0"


def test_metrics_as_json_are_samples(rediq: Rediq, busy: Desk) -> None:
    ended = rediq("metrics", "--json")

    assert isinstance(ended.json, list)
    assert {"name": "rediq_queue_dead", "labels": {"queue": "mail"}, "value": 1.0} in ended.json
