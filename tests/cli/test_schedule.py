"""`rediq schedule`: seen, added, run, paused, resumed, deleted, and what became of it."""

from __future__ import annotations

import json
import re

import pytest

from rediq_core.model.schedule import Misfire, Source
from rediq_core.model.task import Task
from tests.cli.conftest import Rediq
from tests.support.desk import Desk
from tests.support.rig import completed
from tests.support.schedules import MINUTE_MS, Planner, schedule


def planner_of(desk: Desk, queue: str = "q") -> Planner:
    return Planner(desk.queue(queue))


def fire(planner: Planner) -> str:
    """Let the next due time of the first schedule come and fire; returns the occurrence."""
    planner.rig.now_ms += MINUTE_MS
    due = planner.due().schedules[0]
    # On time, wherever in its minute the test began.
    planner.rig.now_ms = due.due_ms
    planner.fire(due, planner.rig.now_ms)
    planner.advance(due, due.due_ms + MINUTE_MS)
    return f"cron:{due.name}:{due.due_ms // 1000}"


def test_an_empty_list_says_how_to_begin(rediq: Rediq) -> None:
    ended = rediq("schedule", "list")

    assert ended.code == 0
    assert ended.out.split() == [
        *("NAME", "SCHEDULE", "TZ", "NEXT", "LAST", "RESULT", "ON", "MISSED", "SOURCE"),
    ]
    assert "rediq schedule add NAME CRON TYPE" in ended.err


def test_the_list_says_when_next_what_last_and_from_where(desk: Desk, rediq: Rediq) -> None:
    planner = planner_of(desk)
    planner.put(schedule("a-minute"))
    planner.put(schedule("told", "@yearly", timezone="Europe/Vienna"), source=Source.CONFIG, rev=3)
    fire(planner)
    worker = planner.rig.worker()
    worker.settle(completed(worker.claim()[0]))
    rediq("schedule", "pause", "told", "--reason", "no")

    lines = rediq("schedule", "list", "-o", "wide").out.splitlines()

    first, second = lines[1].split(), lines[2].split()
    assert first[:7] == ["a-minute", *["*"] * 5, "UTC"]
    assert "in " in lines[1]
    assert "✓ completed" in lines[1]
    assert first[-6:-1] == ["on", "0", "api", "q", "tick"]
    assert second[:5] == ["told", "@yearly", "Europe/Vienna", "-", "-"]
    assert "‖ PAUSED" in lines[2]
    assert "config" in second


def test_cron_is_the_same_noun(desk: Desk, rediq: Rediq) -> None:
    planner_of(desk).put(schedule())

    # The next time is told in tenths of seconds when it is near, and the clock goes on.
    pages = [
        re.sub(r"in \d\S*", "in …", rediq(*words).out)
        for words in (("cron", "ls"), ("schedule", "list"))
    ]
    assert pages[0].split() == pages[1].split()
    assert "tick" in pages[0]
    assert rediq("cron", "list", "-o", "ids").out == "tick\n"


def test_the_list_as_json_has_every_field(desk: Desk, rediq: Rediq) -> None:
    planner = planner_of(desk)
    planner.put(schedule(misfire=Misfire.SKIP), by="ada@host")
    task_id = fire(planner)

    (record,) = json.loads(rediq("schedule", "list", "--json").out)

    last = record.pop("last")
    assert (last["kind"], last["id"], last["state"], last["count"]) == (
        *("fired", task_id, "pending", 1),
    )
    assert {name: record[name] for name in record if not name.endswith("at")} == {
        "name": "tick",
        "cron": "* * * * *",
        "timezone": "UTC",
        "misfire": "skip",
        "overlap": "skip",
        "jitter_ms": 0,
        "queue": "q",
        "type": "tick",
        "priority": 50,
        "source": "api",
        "rev": 0,
        "paused": False,
        "pause": None,
        "missed": 0,
        "changed_by": "ada@host",
    }
    assert record["next_at"].endswith(":00.000Z")


def test_one_schedule_shows_its_payload_without_secrets_and_its_next_times(
    desk: Desk, rediq: Rediq
) -> None:
    payload = {"to": 7, "password": "kAnArY"}
    planner_of(desk).put(
        schedule(cron="30 2 * * *", timezone="Europe/Vienna", task=Task("tick", payload, queue="q"))
    )

    page = rediq("schedule", "inspect", "tick").out
    record = json.loads(rediq("schedule", "show", "tick", "--json").out)

    assert "kAnArY" not in page + str(record)
    assert page.count(" 02:30:00 +0") == 5
    assert "30 2 * * * (Europe/Vienna)" in page
    assert (record["payload"]["to"], len(record["upcoming"])) == (7, 5)


def test_add_declares_and_says_when_it_is_due(desk: Desk, rediq: Rediq) -> None:
    words = ("nightly", "30 2 * * *", "report:daily", "--queue", "reports", "--payload", '{"n":1}')
    options = ("--timezone", "Europe/Vienna", "--misfire", "catch_up", "--overlap", "allow")

    added = rediq("schedule", "add", *words, *options, "--priority", "100", "--jitter", "5m")
    again = rediq("schedule", "add", *words, "--queue", "other")

    assert (added.code, again.code) == (0, 0)
    assert added.out.startswith("added nightly; next in ")
    assert again.out.startswith("changed nightly; next in ")
    view = desk.admin.schedule("nightly")
    assert (view.queue, view.type, view.cron) == ("other", "report:daily", "30 2 * * *")
    assert view.payload_json == b'{"n":1}'


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("x", "0 0 30 2 *", "t", "--queue", "q"), 2, "E010 cron '0 0 30 2 *' never fires"),
        (("x", "hourly", "t", "--queue", "q"), 2, "E010 cron 'hourly' cannot be read"),
        (("x", "@hourly", "t", "--queue", "q", "--timezone", "Mars/X"), 2, "is no time zone"),
        (("no name", "@hourly", "t", "--queue", "q"), 2, "E005 schedule name"),
        (("told", "@hourly", "t", "--queue", "q"), 2, "declared in the configuration"),
    ],
)
def test_add_refuses_what_cannot_be(
    desk: Desk, rediq: Rediq, words: tuple[str, ...], code: int, text: str
) -> None:
    planner_of(desk).put(schedule("told"), source=Source.CONFIG, rev=1)

    ended = rediq("schedule", "add", *words)

    assert (ended.code, ended.out) == (code, "")
    assert text in ended.err


def test_run_enqueues_now_and_prints_the_id(desk: Desk, rediq: Rediq) -> None:
    planner = planner_of(desk)
    planner.put(schedule())

    ended = rediq("schedule", "run", "tick", "-o", "ids")

    task_id = ended.out.strip()
    assert task_id.startswith("cron:tick:run-")
    assert planner.rig.task(task_id).payload == {"n": 1}
    (entry,) = desk.admin.schedule_history("tick")
    assert (entry.kind, entry.task_id, "@" in entry.by) == ("run", task_id, True)


def test_run_says_that_the_queue_is_full(desk: Desk, rediq: Rediq) -> None:
    planner_of(desk).put(schedule())
    desk.pending("q", 1)
    desk.queue("q").set_policy(max_len=1)

    ended = rediq("schedule", "run", "tick")

    assert ended.code == 1
    assert "E017 queue q is full, so schedule tick was not run" in ended.err


def test_pause_and_resume_say_what_comes_next(desk: Desk, rediq: Rediq) -> None:
    planner_of(desk).put(schedule())

    paused = rediq("schedule", "pause", "tick", "--reason", "bank closed")
    page = rediq("schedule", "inspect", "tick").out
    resumed = rediq("schedule", "resume", "tick")

    assert paused.out == "paused tick; resume: rediq schedule resume tick\n"
    assert "bank closed" in page
    assert "would be due next" in page
    assert resumed.out.startswith("resumed tick; next in ")


def test_of_several_names_all_must_exist_before_any_is_paused(desk: Desk, rediq: Rediq) -> None:
    planner = planner_of(desk)
    planner.put(schedule())

    ended = rediq("schedule", "pause", "tick", "nothing")

    assert ended.code == 3
    assert desk.admin.schedule("tick").pause is None


def test_delete_asks_and_removes_the_history(desk: Desk, rediq: Rediq) -> None:
    planner = planner_of(desk)
    planner.put(schedule())
    task_id = fire(planner)

    refused = rediq("schedule", "delete", "tick")
    done = rediq("schedule", "rm", "tick", "--yes")

    assert (refused.code, done.code, done.out) == (5, 0, "deleted tick\n")
    assert "--yes" in refused.err
    assert planner.rig.hash("fired") == {}
    assert planner.fired() == [task_id]
    assert rediq("schedule", "list", "-o", "ids").out == ""


def test_delete_says_that_a_configuration_brings_it_back(desk: Desk, rediq: Rediq) -> None:
    planner_of(desk).put(schedule(), source=Source.CONFIG, rev=1)

    ended = rediq("schedule", "delete", "tick", "--yes")

    assert "the next worker with it adds it again" in ended.err


def test_history_is_what_became_of_due_times_last_first(desk: Desk, rediq: Rediq) -> None:
    planner = planner_of(desk)
    planner.put(schedule())
    task_id = fire(planner)
    fire(planner)

    lines = rediq("schedule", "history", "tick").out.splitlines()
    records = json.loads(rediq("schedule", "history", "tick", "--limit", "1", "--json").out)

    assert "skipped, still running" in lines[1]
    assert task_id in lines[2]
    assert "pending" in lines[2]
    assert [record["kind"] for record in records] == ["overlap"]


@pytest.mark.parametrize("verb", ["inspect", "run", "pause", "resume", "delete", "history"])
def test_an_unknown_schedule_is_not_found(desk: Desk, rediq: Rediq, verb: str) -> None:
    planner_of(desk).put(schedule("nightly"))

    ended = rediq("schedule", verb, "nigtly")

    assert (ended.code, ended.out) == (3, "")
    assert "E026 there is no schedule nigtly." in ended.err
    assert "Did you mean nightly?" in ended.err


@pytest.mark.parametrize("verb", ["run", "pause", "resume", "delete"])
def test_read_only_refuses_every_change(desk: Desk, rediq: Rediq, verb: str) -> None:
    planner_of(desk).put(schedule())
    before = desk.everything()

    assert rediq("--read-only", "schedule", verb, "tick").code == 5
    assert rediq("--read-only", "schedule", "add", "x", "@hourly", "t").code == 5
    assert desk.everything() == before
