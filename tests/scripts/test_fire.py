"""Each due time is decided once in its queue, and what was decided is written down."""

from __future__ import annotations

from typing import Any

import pytest

from rediq_core.model.schedule import Misfire, Overlap
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.verbs.firing import FireStatus
from rediq_core.verbs.schedule_views import fired_command, read_history
from tests.scripts.test_interrupted import break_everywhere, decisive_state
from tests.support.catalogue import Lively, calls
from tests.support.rig import Rig, completed
from tests.support.schedules import MINUTE_MS, Planner, schedule


@pytest.fixture
def planner(rig: Rig) -> Planner:
    return Planner(rig)


def due_now(planner: Planner, minutes: int = 1, **options: Any) -> Any:
    """Declare a schedule of minutes and let some pass; return what is due."""
    planner.put(schedule(**options))
    planner.rig.advance(minutes * MINUTE_MS)
    (due,) = planner.due().schedules
    return due


def history(planner: Planner, name: str = "tick") -> list[tuple[str, int, str, int, str]]:
    _, _, *fields = fired_command("t", "q", name)
    reply = planner.rig.client.hmget(planner.rig.key("fired"), fields)
    entries, _ = read_history(name, reply)
    return [(e.kind, e.due_ms, e.task_id, e.count, e.by) for e in entries]


def missed(planner: Planner) -> str | None:
    return planner.rig.hash("fired").get("tick>missed")


def test_an_occurrence_is_a_task_of_its_queue_placed_at_its_due_time(planner: Planner) -> None:
    task: Task[object] = Task("tick", {"n": 1}, queue="q", priority=7, expires_in="30s")
    due = due_now(planner, task=task)

    fired = planner.fire(due, planner.rig.now_ms)

    task_id = f"cron:tick:{due.due_ms // 1000}"
    view = planner.rig.task(task_id)
    assert (fired.status, fired.codes) == (FireStatus.DONE, "1")
    assert (view.state, view.type, view.priority) == (TaskState.PENDING, "tick", 7)
    assert (view.place_ms, view.expires_ms) == (due.due_ms, due.due_ms + 30_000)
    assert view.payload == {"n": 1}
    assert planner.rig.take_wake() == 1
    assert planner.rig.hash("counters")["enqueued"] == "1"


def test_the_same_call_again_decides_nothing(planner: Planner) -> None:
    due = due_now(planner)
    planner.fire(due, planner.rig.now_ms)
    before = planner.rig.dump()

    again = planner.fire(due, planner.rig.now_ms)

    assert again.codes == "0"
    assert planner.rig.dump() == before


def test_an_occurrence_that_retention_took_does_not_fire_again(planner: Planner) -> None:
    due = due_now(planner)
    planner.fire(due, planner.rig.now_ms)
    worker = planner.rig.worker()
    (claimed,) = worker.claim()
    worker.settle(completed(claimed))
    planner.rig.client.delete(planner.rig.key("tasks"), planner.rig.key("completed"))

    assert planner.fire(due, planner.rig.now_ms).codes == "0"
    assert planner.fired() == []


def test_a_scheduler_that_stood_still_decides_nothing_any_more(planner: Planner) -> None:
    due = due_now(planner)
    seen_ms = planner.rig.now_ms
    planner.rig.advance(30_001)

    assert planner.fire(due, seen_ms).status is FireStatus.STALE
    assert planner.fired() == []


def test_a_queue_that_is_not_registered_gets_nothing(planner: Planner) -> None:
    due = due_now(planner)

    fired = planner.fire(due, planner.rig.now_ms, is_registering=False)

    assert fired.status is FireStatus.UNREGISTERED
    assert planner.fired() == []


def test_overlap_skip_passes_over_while_the_one_before_has_not_finished(planner: Planner) -> None:
    first = due_now(planner)
    planner.fire(first, planner.rig.now_ms)
    planner.advance(first, first.due_ms + MINUTE_MS)
    planner.rig.advance(MINUTE_MS)
    (second,) = planner.due().schedules

    assert planner.fire(second, planner.rig.now_ms).codes == "7"
    assert len(planner.fired()) == 1
    assert [entry[0] for entry in history(planner)] == ["overlap", "fired"]


@pytest.mark.parametrize("state", ["active", "retry", "delayed", "suspects", "held", "finished"])
def test_not_finished_is_every_state_but_the_final_ones(planner: Planner, state: str) -> None:
    first = due_now(planner)
    planner.fire(first, planner.rig.now_ms)
    task_id = planner.fired()[0]
    if state == "finished":
        worker = planner.rig.worker()
        worker.settle(completed(worker.claim()[0]))
    else:
        member = f"tick>{task_id}" if state == "held" else task_id
        planner.rig.client.zrem(planner.rig.key("pending"), task_id)
        planner.rig.client.zadd(planner.rig.key(state), {member: 1})
    planner.advance(first, first.due_ms + MINUTE_MS)
    planner.rig.advance(MINUTE_MS)
    (second,) = planner.due().schedules

    assert planner.fire(second, planner.rig.now_ms).codes == ("1" if state == "finished" else "7")


def test_overlap_allow_enqueues_all_the_same(planner: Planner) -> None:
    first = due_now(planner, overlap=Overlap.ALLOW)
    planner.fire(first, planner.rig.now_ms)
    planner.advance(first, first.due_ms + MINUTE_MS)
    planner.rig.advance(MINUTE_MS)
    (second,) = planner.due().schedules

    assert planner.fire(second, planner.rig.now_ms).codes == "1"
    assert len(planner.fired()) == 2


@pytest.mark.parametrize(
    ("misfire", "codes", "count"),
    [(Misfire.RUN_ONCE, "1", "9"), (Misfire.SKIP, "", "10"), (Misfire.CATCH_UP, "1" * 10, None)],
)
def test_an_outage_is_written_down_as_the_policy_says(
    planner: Planner, misfire: Misfire, codes: str, count: str | None
) -> None:
    due = due_now(planner, 10, misfire=misfire)

    fired = planner.fire(due, planner.rig.now_ms)

    assert (fired.codes, missed(planner)) == (codes, count)
    assert len(planner.fired()) == len(codes)
    last_ms = due.due_ms + 9 * MINUTE_MS
    assert planner.rig.hash("fired")["tick"] == str(last_ms // 1000)
    passed = [entry for entry in history(planner) if entry[0] == "missed"]
    assert passed == ([] if count is None else [("missed", last_ms, "", int(count), "")])


def test_a_policy_of_skip_that_is_sent_twice_counts_once(planner: Planner) -> None:
    due = due_now(planner, 10, misfire=Misfire.SKIP)
    planner.fire(due, planner.rig.now_ms)

    assert planner.fire(due, planner.rig.now_ms).codes == ""
    assert (missed(planner), len(history(planner))) == ("10", 1)


def test_a_unique_key_that_is_held_passes_the_occurrence_over(planner: Planner) -> None:
    planner.rig.enqueue(Task("other", queue="q", unique_key="k"))
    due = due_now(planner, task=Task("tick", queue="q", unique_key="k"))

    assert planner.fire(due, planner.rig.now_ms).codes == "4"
    assert [entry[0] for entry in history(planner)] == ["unique"]


def test_a_full_queue_passes_the_occurrence_over(planner: Planner) -> None:
    planner.rig.enqueue(Task("other", queue="q"))
    planner.rig.set_policy(max_len=1)
    due = due_now(planner)

    assert planner.fire(due, planner.rig.now_ms).codes == "5"
    assert [entry[0] for entry in history(planner)] == ["full"]


def test_a_delay_of_the_task_counts_from_the_due_time(planner: Planner) -> None:
    due = due_now(planner, task=Task("tick", queue="q", delay="90s"))

    planner.fire(due, planner.rig.now_ms)

    (task_id,) = planner.fired()
    assert planner.rig.scores("delayed") == {task_id: due.due_ms + 90_000}


def test_a_paused_queue_takes_it_and_wakes_nobody(planner: Planner) -> None:
    planner.rig.enqueue(Task("other", queue="q"))
    planner.rig.pause()
    planner.rig.take_wake()
    due = due_now(planner)

    assert planner.fire(due, planner.rig.now_ms).codes == "1"
    assert planner.rig.take_wake() == 0


def test_by_hand_it_runs_beside_the_clock(planner: Planner) -> None:
    planner.put(schedule())
    now_ms = planner.rig.now_ms

    fired, again = planner.run("tick"), planner.run("tick", now_ms=now_ms)

    task_id = f"cron:tick:run-{now_ms}"
    assert (fired.codes, again.codes, planner.fired()) == ("1", "2", [task_id])
    assert "tick" not in planner.rig.hash("fired")
    assert history(planner)[0] == ("run", now_ms, task_id, 1, "ada@host")
    (entry, *_) = planner.rig.client.xrange(planner.rig.key("audit"))
    assert entry[1] == {b"verb": b"run schedule", b"by": b"ada@host", b"schedule": b"tick"}


def test_what_was_run_by_hand_and_has_not_finished_counts_as_the_one_before(
    planner: Planner,
) -> None:
    planner.put(schedule())
    planner.run("tick")
    planner.rig.advance(MINUTE_MS)
    (due,) = planner.due().schedules

    assert planner.fire(due, planner.rig.now_ms).codes == "7"


def test_the_history_stays_short(planner: Planner) -> None:
    due = due_now(planner, 1_000, misfire=Misfire.CATCH_UP)
    for _ in range(5):
        planner.fire(due, planner.rig.now_ms)
        planner.advance(due, planner.rig.now_ms + 1)
        planner.rig.advance(100 * MINUTE_MS)
        (due,) = planner.due().schedules

    log = planner.rig.hash("fired")["tick>log"]
    assert 3_900 < len(log) <= 4_096
    assert all(line.count("|") == 3 for line in log.splitlines())


def test_a_broken_call_is_completed_by_a_repeat(rig: Rig) -> None:
    rig.executor.run(calls()["fire"](Lively(rig)))
    expected = (decisive_state(rig), rig.hash("fired")["tick"], rig.hash("fired")["tick>last"])

    for where in break_everywhere(rig, "fire"):
        fired = rig.hash("fired")
        assert (decisive_state(rig), fired["tick"], fired["tick>last"]) == expected, where
