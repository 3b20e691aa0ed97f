"""`rediq doctor` says what it found, what it repaired and, by its exit code, what is left."""

from __future__ import annotations

import re
from collections.abc import Callable

from syrupy.assertion import SnapshotAssertion

from tests.cli.conftest import Rediq
from tests.support.desk import Desk, worker_row

Stable = Callable[[str], str]


def plain(text: str) -> str:
    """Name what depends on the server that the tests run on."""
    text = re.sub(r"(version +)\S+ [\d.]+", r"\1SERVER", text)
    text = re.sub(r"[\d,]+ MiB", "SIZE", text)
    text = re.sub(r"within \d+ ms", "within N ms", text)
    text = re.sub(r"\((?:127\.0\.0\.1:\d+|/\S+)\)", "(NODE)", text)
    text = re.sub(r"[\d,]+ rows", "N rows", text)
    return re.sub(r"(?m)^([!✓✗]) login .*$(?:\n +→.*$)?", r"\1 login …", text)


def test_a_healthy_server(rediq: Rediq, desk: Desk, snapshot: SnapshotAssertion) -> None:
    desk.pending("payment", 2)
    desk.announce(worker_row(queues=("payment",)))

    ended = rediq("doctor")

    assert (ended.code, ended.err) == (0, "")
    assert plain(ended.out) == snapshot


def test_a_fault_exits_6_is_repaired_and_is_gone(
    rediq: Rediq, desk: Desk, snapshot: SnapshotAssertion
) -> None:
    desk.dead("payment", 1)
    desk.announce(worker_row(queues=("payment",)))
    desk.client.zadd(desk.queue("payment").key("retry"), {"ghost": 1})

    found, fixed, again = rediq("doctor"), rediq("doctor", "--fix"), rediq("doctor")

    assert (found.code, fixed.code, again.code) == (6, 0, 0)
    assert plain(found.out) == snapshot
    assert plain(fixed.out) == snapshot
    assert "1 repaired" in fixed.out
    assert again.out.rpartition("\n\n")[2].startswith("0 faults left, ")


def test_json_has_every_finding(rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 1)

    ended = rediq("doctor", "--json")

    assert ended.code == 6
    assert isinstance(ended.json, dict)
    assert set(ended.json) == {"at", "queues", "rows", "left", "fixed", "findings"}
    assert ended.json["left"] == 1
    (left,) = [found for found in ended.json["findings"] if found["level"] == "fault"]
    assert left == {
        "check": "no_worker",
        "level": "fault",
        "text": "payment: pending tasks, and no live worker takes them: 1",
        "next_step": "rediq why payment",
        "queue": "payment",
        "count": 1,
        "samples": [],
        "fixable": False,
        "fixed": False,
    }
    assert rediq("doctor", "-o", "ids").out == "no_worker\n"


def test_read_only_looks_and_does_not_repair(rediq: Rediq, desk: Desk) -> None:
    desk.dead("payment", 1)
    desk.client.zadd(desk.queue("payment").key("retry"), {"ghost": 1})
    before = desk.everything()

    assert rediq("--read-only", "doctor").code == 6
    refused = rediq("--read-only", "doctor", "--fix")

    assert (refused.code, refused.out) == (5, "")
    assert desk.everything() == before


def test_many_sound_queues_share_a_line_and_a_broken_one_keeps_its_own(
    rediq: Rediq, desk: Desk
) -> None:
    names = [f"q{number:02}" for number in range(24)]
    for name in names:
        desk.pending(name, 1)
    desk.client.zadd(desk.queue("q11").key("retry"), {"ghost": 1})

    ended, told = rediq("doctor"), rediq("doctor", "--json").json

    content = [line for line in ended.out.splitlines() if line.startswith("✓ content")]
    assert [re.sub(r"[\d,]+ rows", "N rows", line.split("  ")[-1]) for line in content] == [
        "11 queues: N rows, every id in exactly one state",
        "12 queues: N rows, every id in exactly one state",
    ]
    assert any("q11" in line and line.startswith("✗") for line in ended.out.splitlines())
    assert isinstance(told, dict)
    sound = [row["queue"] for row in told["findings"] if row["check"] == "content"]
    assert sound == [name for name in names if name != "q11"]
