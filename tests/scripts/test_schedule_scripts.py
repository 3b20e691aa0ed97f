"""Schedules are declared, changed, paused and moved on; nothing undoes what an operator said."""

from __future__ import annotations

import pytest

from rediq_core.model.schedule import Misfire, Source
from rediq_core.model.task import Task
from rediq_core.verbs.schedule import ActCode, Put, ScheduleAct, declare, put
from tests.support.rig import START_MS, Rig
from tests.support.schedules import MINUTE_MS, Planner, schedule

# The first minute after the rig's clock.
FIRST_MS = (START_MS // MINUTE_MS + 1) * MINUTE_MS
HOURLY_MS = (START_MS // 3_600_000 + 1) * 3_600_000
PAUSED = float("inf")


@pytest.fixture
def planner(rig: Rig) -> Planner:
    return Planner(rig)


def test_a_new_schedule_is_due_at_its_next_time(planner: Planner) -> None:
    assert planner.put(schedule()).code is Put.ADDED
    assert planner.due_at("tick") == FIRST_MS


def test_without_a_due_time_a_new_schedule_is_not_added(planner: Planner) -> None:
    reply = planner.rig.executor.run(put(planner.rig.space, declare(schedule())))

    assert (reply.code, reply.now_ms) == (Put.NEEDS_DUE, START_MS)
    assert planner.rig.dump() == {}


def test_the_same_declaration_changes_nothing(planner: Planner) -> None:
    planner.put(schedule(), by="ada")
    before = planner.rig.dump()
    planner.rig.advance(10 * MINUTE_MS)

    assert planner.put(schedule(), by="bob").code is Put.UNCHANGED
    assert planner.rig.dump() == before


def test_another_payload_keeps_what_is_due(planner: Planner) -> None:
    planner.put(schedule())
    planner.rig.advance(10 * MINUTE_MS)

    reply = planner.put(schedule(task=Task("tick", {"n": 2}, queue="q"), misfire=Misfire.SKIP))

    assert reply.code is Put.CHANGED
    assert planner.due_at("tick") == FIRST_MS
    assert b'{"n":2}' in planner.due().schedules[0].tail


@pytest.mark.parametrize("change", [{"cron": "@hourly"}, {"queue": "r"}, {"jitter_ms": 1}])
def test_another_timing_begins_anew_from_now(planner: Planner, change: dict[str, object]) -> None:
    planner.put(schedule())
    planner.rig.advance(10 * MINUTE_MS)

    assert planner.put(schedule(**change)).code is Put.CHANGED
    assert (planner.due_at("tick") or 0) > planner.rig.now_ms


def test_a_pause_survives_every_kind_of_declaration(planner: Planner) -> None:
    planner.put(schedule())
    planner.act(ScheduleAct.PAUSE, "tick", why="holidays")

    planner.put(schedule())
    planner.put(schedule("tick", "@hourly"))
    planner.put(schedule(), source=Source.CONFIG, rev=7)
    planner.rig.advance(10 * MINUTE_MS)

    assert planner.due_at("tick") == PAUSED
    assert planner.due().schedules == ()


def test_the_later_configuration_wins_whichever_comes_last(planner: Planner) -> None:
    planner.put(schedule("tick", "@hourly"), source=Source.CONFIG, rev=2)

    older = planner.put(schedule("tick", "@daily"), source=Source.CONFIG, rev=1)

    assert (older.code, older.rev) == (Put.OUTDATED, 2)
    assert planner.row("tick").cron == "@hourly"
    newer = planner.put(schedule("tick", "@weekly"), source=Source.CONFIG, rev=3)
    assert (newer.code, planner.row("tick").cron) == (Put.CHANGED, "@weekly")


def test_the_same_content_takes_the_higher_revision(planner: Planner) -> None:
    planner.put(schedule(), source=Source.CONFIG, rev=2)

    assert planner.put(schedule(), source=Source.CONFIG, rev=5).code is Put.UNCHANGED
    assert planner.put(schedule(), source=Source.CONFIG, rev=1).code is Put.UNCHANGED
    assert planner.row("tick").rev == 5


def test_what_a_configuration_declares_is_not_the_api_s_to_change(planner: Planner) -> None:
    planner.put(schedule(), source=Source.CONFIG, rev=1)
    before = planner.rig.dump()

    assert planner.put(schedule("tick", "@hourly")).code is Put.OWNED
    assert planner.rig.dump() == before


def test_a_configuration_takes_over_what_the_api_declared(planner: Planner) -> None:
    planner.put(schedule())

    assert planner.put(schedule(), source=Source.CONFIG, rev=1).code is Put.CHANGED
    assert planner.row("tick").source is Source.CONFIG


def test_there_are_not_more_than_may_be(planner: Planner) -> None:
    planner.put(schedule())
    call = put(planner.rig.space, declare(schedule("second")), due_ms=1)
    full = list(call.args)
    full[call.script.args.index("most")] = 1

    reply = planner.rig.executor.run(type(call)(call.script, call.keys, tuple(full), call.read))

    assert reply.code is Put.TOO_MANY
    assert planner.due_at("second") is None


def test_resume_begins_at_the_next_time_and_passes_over_the_rest(planner: Planner) -> None:
    planner.put(schedule())
    planner.act(ScheduleAct.PAUSE, "tick")
    planner.rig.advance(10 * MINUTE_MS)

    asked = planner.act(ScheduleAct.RESUME, "tick")
    done = planner.act(ScheduleAct.RESUME, "tick", due_ms=FIRST_MS + 10 * MINUTE_MS)
    again = planner.act(ScheduleAct.RESUME, "tick")

    assert [asked.code, done.code, again.code] == [
        ActCode.NEEDS_DUE,
        ActCode.DONE,
        ActCode.ALREADY,
    ]
    assert planner.due_at("tick") == FIRST_MS + 10 * MINUTE_MS


def test_delete_leaves_nothing_but_the_journal(planner: Planner) -> None:
    planner.put(schedule())
    planner.act(ScheduleAct.PAUSE, "tick")

    assert planner.act(ScheduleAct.DELETE, "tick").code is ActCode.DONE
    assert set(planner.rig.dump()) == {planner.key("journal").encode()}


@pytest.mark.parametrize("verb", ScheduleAct)
def test_an_unknown_schedule_is_left_alone(planner: Planner, verb: ScheduleAct) -> None:
    assert planner.act(verb, "nothing").code is ActCode.UNKNOWN
    assert planner.rig.dump() == {}


def test_every_act_of_an_operator_is_in_the_journal(planner: Planner) -> None:
    planner.put(schedule(), by="ada@host")
    planner.put(schedule(), by="ada@host")
    planner.put(schedule("told"), source=Source.CONFIG, rev=1)
    planner.act(ScheduleAct.PAUSE, "tick", why="holidays")
    planner.act(ScheduleAct.RESUME, "tick", due_ms=FIRST_MS)
    planner.act(ScheduleAct.DELETE, "tick")

    entries = [entry for _, entry in planner.rig.client.xrange(planner.key("journal"))]
    verbs = [entry[b"verb"].decode() for entry in entries]
    assert verbs == ["schedule", "pause schedule", "resume schedule", "delete schedule"]
    assert {entry[b"by"] for entry in entries} == {b"ada@host"}
    assert entries[1][b"note"] == b'{"by":"ada@host","why":"holidays"}'


def test_it_moves_on_once_for_all_who_saw_it_due(planner: Planner) -> None:
    planner.put(schedule())
    planner.rig.advance(MINUTE_MS)
    (due,) = planner.due().schedules

    assert planner.advance(due, FIRST_MS + MINUTE_MS)
    assert not planner.advance(due, FIRST_MS + 2 * MINUTE_MS)
    assert planner.due_at("tick") == FIRST_MS + MINUTE_MS


@pytest.mark.parametrize("change", ["timing", "pause", "delete"])
def test_what_was_changed_meanwhile_does_not_move_on(planner: Planner, change: str) -> None:
    planner.put(schedule())
    planner.rig.advance(MINUTE_MS)
    (due,) = planner.due().schedules
    if change == "timing":
        planner.put(schedule("tick", "@hourly"))
    else:
        planner.act(ScheduleAct(change), "tick")
    before = planner.due_at("tick")

    assert not planner.advance(due, FIRST_MS + MINUTE_MS)
    assert planner.due_at("tick") == before


def test_what_is_due_comes_in_order_and_in_pages(planner: Planner) -> None:
    for n in range(5):
        planner.put(schedule(f"tick{n}"))
    planner.put(schedule("later", "@hourly"))
    planner.rig.advance(MINUTE_MS)

    pages = [planner.due(start=start, limit=2) for start in (0, 2, 4, 6)]

    names = [[due.name for due in page.schedules] for page in pages]
    assert names == [["tick0", "tick1"], ["tick2", "tick3"], ["tick4"], []]
    assert {page.next_ms for page in pages} == {HOURLY_MS}
    assert {page.now_ms for page in pages} == {START_MS + MINUTE_MS}


def test_a_page_of_large_tasks_is_cut_and_never_empty(planner: Planner) -> None:
    large = "x" * 500_000
    for n in range(12):
        planner.put(schedule(f"tick{n:02}", task=Task("tick", large, queue="q")))
    planner.rig.advance(MINUTE_MS)

    assert len(planner.due().schedules) == 8
    assert len(planner.due(start=11).schedules) == 1
