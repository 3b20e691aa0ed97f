"""read_tasks, read_page and read_queue: every task once, in order, whatever lies in Redis."""

from __future__ import annotations

import pytest

from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.views import Page
from rediq_core.verbs.inspect import MAX_PAGE, read_page, read_tasks
from rediq_core.verbs.moves import MoveVerb
from tests.support.catalogue import Lively
from tests.support.rig import PLACES, START_MS, Rig, completed, failed


def page(rig: Rig, zset: str, **options: object) -> Page:
    call = read_page(rig.space, rig.queue, zset, **options)  # type: ignore[arg-type]  # a test's options
    return rig.executor.run(call)


def test_a_task_is_read_whole(rig: Rig) -> None:
    task: Task[object] = Task(
        "mail", {"n": 1}, priority=3, timeout="5s", max_retry=2, unique_key="k|1", extra={"a": 1}
    )
    rig.enqueue(task)
    worker = rig.worker()
    worker.settle(failed(*worker.claim(1), delay_ms=7_000))

    view = rig.task(task.id)

    assert (view.id, view.type, view.queue, view.state) == (task.id, "mail", "q", "retry")
    assert (view.priority, view.timeout_ms, view.max_retry) == (3, 5_000, 2)
    assert (view.unique_key, view.extra, view.payload_json) == ("k|1", {"a": 1}, b'{"n":1}')
    assert (view.attempts, view.losses, view.due_ms) == (1, 0, START_MS + 7_000)
    (run,) = view.timeline
    assert (run.kind, run.attempt, run.worker, run.run_ms) == ("retry", 1, "w#1", 3)
    assert (run.error_type, run.error, run.fingerprint) == ("ValueError", "no", "f1")


def test_unknown_ids_are_none_in_their_place(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1"))

    views = rig.executor.run(read_tasks(rig.space, rig.queue, ["nope", "t1"]))

    assert [view and view.id for view in views] == [None, "t1"]


def test_every_state_is_told(rig: Rig) -> None:
    queue = Lively(rig)

    for task_id, (place,) in queue.places().items():
        view = rig.task(task_id)
        state = "pending" if place in ("suspects", "held") else place
        assert (view.state, view.is_suspect, view.is_held) == (
            state,
            place == "suspects",
            place == "held",
        ), task_id


def test_pages_cover_a_state_once_in_order(rig: Rig) -> None:
    tasks = [Task("mail") for _ in range(25)]
    rig.enqueue(*tasks)

    seen, start = list[str](), 0
    while start >= 0:
        part = page(rig, "pending", start=start, limit=10)
        assert part.total == 25
        seen += [view.id for view in part.tasks]
        start = part.next_start

    assert seen == [task.id for task in tasks]


def test_a_page_can_start_at_the_end(rig: Rig) -> None:
    tasks = [Task("mail") for _ in range(5)]
    rig.enqueue(*tasks)

    part = page(rig, "pending", limit=2, is_reversed=True)

    assert [view.id for view in part.tasks] == [tasks[4].id, tasks[3].id]
    assert part.next_start == 2


def test_a_page_is_bounded_in_tasks_and_bytes(rig: Rig) -> None:
    rig.enqueue(*[Task("mail") for _ in range(500)])
    rig.enqueue(*[Task("mail", delay="1h") for _ in range(100)])
    assert len(page(rig, "pending", limit=10_000).tasks) == MAX_PAGE

    rig.enqueue(*[Task("mail", "x" * 500_000, priority=0) for _ in range(8)])
    rig.enqueue(*[Task("mail", "x" * 500_000, priority=0) for _ in range(8)])
    part = page(rig, "pending", limit=500)
    assert (len(part.tasks), part.next_start) == (8, 8)


@pytest.mark.parametrize("zset", PLACES)
def test_a_page_of_every_place_can_be_read(rig: Rig, zset: str) -> None:
    queue = Lively(rig)

    part = page(rig, zset)

    expected = {task_id for task_id, places in queue.places().items() if places == [zset]}
    assert {view.id for view in part.tasks} == expected
    assert (part.total, part.next_start) == (len(expected), -1)


def test_one_damaged_task_does_not_hide_the_others(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="bad"), Task("mail", id="good"), Task("mail", id="gone"))
    for name, value in (
        ("tasks", b"\xff nothing that is a header"),
        ("runs", b"\xff\n{not json\n[]\n{}\n"),
        ("tries", b"many"),
        ("progress", b"half"),
        ("claims", b"\xff"),
    ):
        rig.client.hset(rig.key(name), "bad", value)
    rig.client.hdel(rig.key("tasks"), "gone")
    rig.client.zadd(rig.key("pending"), {b"\xfe": 1})

    part = page(rig, "pending")

    by_id = {view.id: view for view in part.tasks}
    assert set(by_id) == {"\ufffd", "bad", "good", "gone"}
    assert by_id["good"].type == "mail"
    assert by_id["bad"].type == "?"
    assert by_id["bad"].payload_json == b"\xff nothing that is a header"
    assert (by_id["bad"].attempts, by_id["bad"].progress, by_id["bad"].timeline) == (0, None, ())


def test_a_queue_is_counted_by_state(rig: Rig) -> None:
    queue = Lively(rig)
    places = [place for (place,) in queue.places().values()]

    view = rig.view()

    for state in TaskState:
        zsets = ("pending", "suspects", "held") if state == "pending" else (state.value,)
        assert view.counts[state] == sum(place in zsets for place in places), state
    assert (view.suspects, view.held) == (places.count("suspects"), places.count("held"))


def test_a_queue_that_was_never_used_is_empty(rig: Rig) -> None:
    view = rig.view()

    assert set(view.counts.values()) == {0}
    assert (view.oldest_ms, view.next_due_ms, view.pause, view.lifetime) == (0, 0, None, {})


def test_the_oldest_is_found_behind_more_urgent_ones(rig: Rig) -> None:
    rig.enqueue(Task("mail", priority=90))
    rig.advance(5_000)
    rig.enqueue(Task("mail", priority=1), Task("mail", priority=50))

    assert rig.view().oldest_ms == 5_000


def test_what_is_due_next_is_told(rig: Rig) -> None:
    rig.enqueue(Task("mail", delay="9s"))
    worker = rig.worker()
    rig.enqueue(Task("mail"))
    worker.settle(failed(*worker.claim(1), delay_ms=4_000))

    assert rig.view().next_due_ms == START_MS + 4_000


def test_rates_come_from_this_minute_and_the_one_before(rig: Rig) -> None:
    worker = rig.worker()
    rig.enqueue(*[Task("mail") for _ in range(60)])
    worker.settle(*[completed(task) for task in worker.claim(60)])
    rig.advance(60_000 - rig.now_ms % 60_000 + 30_000)

    view = rig.view()

    assert (view.done_per_s, view.enqueued_per_s, view.failed_per_s) == (0.5, 0.5, 0)


def test_a_deleted_task_says_where_it_was(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", delay="1h"))
    rig.move(MoveVerb.DELETE, "t1")

    assert rig.task("t1").former_state is TaskState.DELAYED
