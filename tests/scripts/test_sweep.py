"""sweep.lua: what idle queues leave behind goes, once a period, by whoever comes first."""

from __future__ import annotations

from typing import Any

from rediq_core.model.task import Task
from rediq_core.verbs.exchange import Retention
from rediq_core.verbs.moves import TRASH_MS, MoveVerb
from rediq_core.verbs.sweep import PERIOD_MS, Swept, sweep
from tests.support.rig import DAY_MS, RETENTION, Rig, completed, died

HOUR_MS = 3_600_000
SMALL = Retention(HOUR_MS, 5, 10 * HOUR_MS, 5, 60_000)
NOTHING = {"purged": 0, "repaired": 0, "trimmed": 0, "dropped": 0}


def swept(rig: Rig, retention: Retention = RETENTION, **options: Any) -> Swept:
    options.setdefault("is_served", True)
    return rig.executor.run(sweep(rig.space, rig.queue, retention, **options))


def sweep_to_end(rig: Rig, retention: Retention = RETENTION, **options: Any) -> list[Swept]:
    pieces = [swept(rig, retention, **options)]
    while pieces[-1].has_more:
        pieces.append(swept(rig, retention, cursor=pieces[-1].cursor, **options))
        assert len(pieces) < 100
    return pieces


def finish(rig: Rig, *ids: str, settle: Any = completed, **options: Any) -> None:
    rig.enqueue(*[Task("mail", id=task_id) for task_id in ids])
    worker = rig.worker(f"w{rig.now_ms}#{ids[0]}")
    worker.settle(
        *[settle(task, **options) for task in worker.claim(len(ids))],
        is_last=True,
    )


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_one_caller_wins_a_period(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))

    turns = [swept(rig).is_mine, swept(rig).is_mine]
    rig.advance(PERIOD_MS - 1)
    turns.append(swept(rig).is_mine)
    rig.advance(1)
    turns += [swept(rig).is_mine, swept(rig).is_mine]

    assert turns == [True, False, False, True, False]


def test_a_clock_that_was_set_back_stops_no_sweep(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    swept(rig)
    rig.advance(-HOUR_MS)

    assert swept(rig).is_mine


def test_a_queue_that_is_not_registered_is_not_touched(rig: Rig) -> None:
    assert not swept(rig).is_mine
    assert rig.dump() == {}


def test_a_queue_with_nothing_to_do_keeps_all_but_the_turn(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2", delay="1h"))
    before = rig.dump()

    (piece,) = sweep_to_end(rig)

    assert {name: getattr(piece, name) for name in NOTHING} == NOTHING
    policy = rig.key("policy").encode()
    after = rig.dump()
    assert {key: value for key, value in after.items() if key != policy} == {
        key: value for key, value in before.items() if key != policy
    }


def test_trash_is_purged_when_its_time_is_over(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"), Task("mail", id="stays"))
    rig.move(MoveVerb.DELETE, "t1")
    rig.advance(1_000)
    rig.move(MoveVerb.DELETE, "t2")
    rig.advance(TRASH_MS - 1_000)

    assert sweep_to_end(rig)[0].purged == 1
    assert (rig.ids("trash"), sorted(rig.hash("trashed"))) == (["t2"], ["t2"])
    for name in ("tasks", "runs"):
        assert "t1" not in rig.hash(name)
    assert sorted(rig.hash("tasks")) == ["stays", "t2"]


def test_a_purge_leaves_no_cause_and_no_count_of_a_dead_task(rig: Rig) -> None:
    finish(rig, "t1", settle=died)
    rig.move(MoveVerb.DELETE, "t1")
    rig.advance(TRASH_MS)

    sweep_to_end(rig)

    assert (rig.hash("causes"), rig.ids("errors"), rig.hash("tries")) == ({}, [], {})


def test_a_move_that_broke_half_way_is_repaired_and_not_purged(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"), Task("mail", id="t2"))
    rig.move(MoveVerb.DELETE, "t1")
    # As a restore leaves it that stopped before its last write.
    rig.client.zadd(rig.key("pending"), {"t1": 1})
    rig.advance(TRASH_MS)

    piece = swept(rig)

    assert (piece.purged, piece.repaired) == (0, 1)
    assert rig.places("t1") == ["pending"]
    assert rig.hash("trashed") == {}
    assert rig.task("t1").state == "pending"


def test_a_held_task_is_found_beside_its_copy_in_trash(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    rig.move(MoveVerb.DELETE, "t1")
    rig.client.zadd(rig.key("held"), {"mail>t1": 0})
    rig.advance(TRASH_MS)

    assert swept(rig).repaired == 1
    assert rig.places("t1") == ["held"]


def test_a_place_in_trash_without_its_task_goes(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    rig.move(MoveVerb.DELETE, "t1")
    rig.client.hdel(rig.key("tasks"), "t1")
    rig.advance(TRASH_MS)

    assert swept(rig).purged == 1
    assert rig.ids("trash") == []


def test_finished_tasks_of_an_idle_queue_go_by_age_and_count(rig: Rig) -> None:
    finish(rig, *names("c", 8))
    finish(rig, *names("d", 3), settle=died)
    rig.enqueue(Task("mail", id="gone", delay="1h"))
    rig.move(MoveVerb.CANCEL, "gone")
    rig.advance(60_000)

    assert sweep_to_end(rig, SMALL)[0].trimmed == 3
    assert rig.ids("completed") == names("c", 8)[3:]

    rig.advance(HOUR_MS)
    sweep_to_end(rig, SMALL)

    assert [rig.ids(zset) for zset in ("completed", "cancelled")] == [[], []]
    assert rig.ids("dead") == names("d", 3)


def test_kept_tasks_go_when_their_own_time_is_over(rig: Rig) -> None:
    finish(rig, "long", keep_ms=5 * HOUR_MS)
    finish(rig, "short", keep_ms=60_000)
    rig.advance(2 * HOUR_MS)

    sweep_to_end(rig, SMALL)
    assert rig.ids("completed") == ["long"]

    rig.advance(3 * HOUR_MS)
    sweep_to_end(rig, SMALL)
    assert (rig.ids("completed"), rig.ids("kept"), rig.hash("tasks")) == ([], [], {})


def test_what_was_restored_behind_the_trimming_goes_too(rig: Rig) -> None:
    finish(rig, "kept", keep_ms=30 * DAY_MS)
    finish(rig, "restored")
    rig.move(MoveVerb.DELETE, "restored")
    rig.advance(60_000)
    finish(rig, "later")
    rig.advance(HOUR_MS - 60_000)
    sweep_to_end(rig, SMALL)
    rig.move(MoveVerb.RESTORE, "restored")
    rig.advance(HOUR_MS + 1)

    sweep_to_end(rig, SMALL)

    assert rig.ids("completed") == ["kept"]


def test_a_backlog_is_worked_off_in_bounded_pieces(rig: Rig) -> None:
    for start in range(0, 300, 100):
        finish(rig, *names(f"c{start}-", 100))
    rig.advance(2 * HOUR_MS)

    pieces = sweep_to_end(rig, SMALL, limit=50)

    assert [piece.trimmed for piece in pieces[:6]] == [50] * 6
    assert rig.ids("completed") == []


def test_a_queue_that_others_serve_is_trimmed_by_what_they_keep(rig: Rig) -> None:
    finish(rig, "t1")
    swept(rig, RETENTION, is_served=True)
    rig.advance(2 * HOUR_MS)

    sweep_to_end(rig, SMALL, is_served=False)
    assert rig.ids("completed") == ["t1"]

    rig.advance(DAY_MS)
    sweep_to_end(rig, SMALL, is_served=False)
    assert rig.ids("completed") == []


def test_the_owner_says_what_it_keeps_also_when_it_is_not_its_turn(rig: Rig) -> None:
    finish(rig, "t1")
    swept(rig, RETENTION, is_served=False)
    assert not swept(rig, RETENTION, is_served=True).is_mine
    rig.advance(2 * HOUR_MS)

    sweep_to_end(rig, SMALL, is_served=False)

    assert rig.ids("completed") == ["t1"]


def test_rows_of_old_requests_go_and_those_of_lease_holders_stay(rig: Rig) -> None:
    rig.enqueue(*[Task("mail", id=name) for name in ("t1", "t2")])
    holder, idle = rig.worker("holder#1"), rig.worker("idle#1")
    held = holder.claim(1)
    idle.settle(*[completed(task) for task in idle.claim(1)], is_last=True)
    rig.move(MoveVerb.CANCEL, "nope", operation="op1")
    rig.advance(600_000)
    fresh = rig.worker("fresh#1")
    fresh.exchange()
    assert len(rig.hash("requests")) == 4

    sweep_to_end(rig)
    assert len(rig.hash("requests")) == 4

    rig.advance(PERIOD_MS)
    assert sum(piece.dropped for piece in sweep_to_end(rig)) == 2
    assert sorted(rig.hash("requests")) == ["fresh#1", "holder#1"]
    assert [task.id for task in holder.again(1).claimed] == [task.id for task in held]


def test_many_request_rows_are_gone_through_with_a_cursor(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))
    rows = {f"c{number}#1": f"1|{rig.now_ms}|0||{'x' * 80}" for number in range(1_000)}
    rig.client.hset(rig.key("requests"), mapping=rows)
    rig.advance(600_001)

    pieces = sweep_to_end(rig)

    assert len(pieces) > 2
    assert max(piece.dropped for piece in pieces) < 500
    assert rig.hash("requests") == {}


def test_parents_whose_children_were_not_told_are_named_once_a_minute(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="p1"))
    rig.client.zadd(rig.key("outbox"), {"p1": rig.now_ms, "later": rig.now_ms + HOUR_MS})

    assert swept(rig).deliver == ("p1",)
    assert swept(rig, cursor="done").deliver == ()
    rig.advance(PERIOD_MS)

    assert swept(rig).deliver == ("p1",)
    assert rig.ids("outbox") == ["p1", "later"]


def test_no_piece_holds_up_the_server(rig: Rig) -> None:
    blob = {"text": "x" * 2_000}
    for start in range(0, 3_000, 500):
        rig.enqueue(*[Task("mail", blob, id=f"t{start + n}") for n in range(500)])
    for start in range(0, 1_500, 500):
        rig.move(MoveVerb.DELETE, *[f"t{start + n}" for n in range(500)])
        rig.move(MoveVerb.CANCEL, *[f"t{1_500 + start + n}" for n in range(500)])
    rig.client.zadd(rig.key("outbox"), {f"p{n}": 0 for n in range(1_000)})
    rig.advance(2 * DAY_MS)
    rig.client.config_set("slowlog-log-slower-than", 25_000)
    rig.client.slowlog_reset()
    pieces = sweep_to_end(rig)
    rig.client.config_set("slowlog-log-slower-than", 10_000)

    # One may have met a busy machine; work that is too long would show in most.
    slow = [entry for entry in rig.client.slowlog_get() if b"EVAL" in entry["command"]]
    assert len(slow) <= 1 < 10 < len(pieces)
    assert (rig.ids("trash"), rig.ids("cancelled"), rig.hash("tasks")) == ([], [], {})
