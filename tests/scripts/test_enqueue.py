"""enqueue.lua: tasks are taken once, at their place, each accepted or refused alone."""

from __future__ import annotations

import multiprocessing
import threading
from datetime import UTC, datetime

import pytest

from rediq_core.errors import DuplicateTask, QueueFull, RediqError
from rediq_core.keys import MINUTE_TTL_S
from rediq_core.model.task import Task
from rediq_core.verbs.enqueue import (
    EnqueueReply,
    EnqueueStatus,
    encode_task,
    enqueue,
    enqueue_plain,
    is_plain,
)
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import DAY_MS, START_MS, Rig, ids_of

STEP = 10**13


def test_a_task_is_stored_and_pending_at_its_place(rig: Rig) -> None:
    task = Task("mail", {"to": "ada"}, priority=7, id="t1")

    reply = rig.enqueue(task)

    assert reply == EnqueueReply(EnqueueStatus.DONE, START_MS, "1", ())
    assert rig.hash("tasks") == {"t1": f'1|7|{START_MS}|0|0||mail|||\n{{"to":"ada"}}'}
    assert rig.scores("pending") == {"t1": START_MS + 7 * STEP}


def test_nothing_is_done_for_a_queue_that_is_not_registered(rig: Rig) -> None:
    call = enqueue(rig.space, rig.queue, [encode_task(Task("mail"))], minute=rig.minute)

    reply = rig.executor.run(call)

    assert reply == EnqueueReply(EnqueueStatus.UNREGISTERED, START_MS, "", ())
    assert rig.dump() == {}


def test_a_registered_queue_needs_no_flag_again(rig: Rig) -> None:
    rig.enqueue(Task("mail"))
    call = enqueue(rig.space, rig.queue, [encode_task(Task("mail"))], minute=rig.minute)

    reply = rig.executor.run(call)

    assert reply.codes == "1"
    assert len(rig.ids("pending")) == 2


def test_the_same_task_again_is_a_repeat_that_changes_nothing(rig: Rig) -> None:
    task = Task("mail", {"to": "ada"}, delay="5s", unique_key="k")
    rig.enqueue(task)
    before = rig.dump()

    reply = rig.enqueue(task)

    assert reply.codes == "2"
    assert rig.dump() == before


def test_a_repeat_is_told_in_every_state(rig: Rig) -> None:
    task = Task("mail", id="t1")
    rig.enqueue(task)
    worker = rig.worker()
    worker.claim(1)

    assert rig.enqueue(task).codes == "2"
    assert rig.places("t1") == ["active"]


def test_a_known_id_with_other_content_is_refused(rig: Rig) -> None:
    rig.enqueue(Task("mail", {"to": "ada"}, id="t1"))
    before = rig.dump()

    (refused,) = rig.put(Task("mail", {"to": "eve"}, id="t1"))

    assert isinstance(refused, DuplicateTask)
    assert refused.owner_id == "t1"
    assert rig.dump() == before


@pytest.mark.parametrize("other", [{"priority": 1}, {"max_retry": 9}, {"type": "post"}])
def test_other_options_are_other_content(rig: Rig, other: dict[str, object]) -> None:
    task = Task("mail", id="t1", priority=50, max_retry=1)
    rig.enqueue(task)

    assert rig.enqueue(task.copy(id="t1", **other)).codes == "3"


def test_an_id_twice_in_one_call_is_taken_once(rig: Rig) -> None:
    task = Task("mail", 1, id="t1")

    reply = rig.enqueue(task, task, Task("mail", 2, id="t1"))

    assert reply.codes == "123"
    assert rig.hash("counters") == {"enqueued": "1"}


def test_tasks_of_one_call_are_refused_alone(rig: Rig) -> None:
    rig.enqueue(Task("mail", 1, id="t1"))

    codes = rig.enqueue(
        Task("mail", id="t0"), Task("mail", 2, id="t1"), Task("mail", id="t2")
    ).codes

    assert codes == "131"
    assert sorted(rig.ids("pending")) == ["t0", "t1", "t2"]


def test_a_delay_counts_from_when_redis_takes_the_task(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", delay="1500ms"))

    assert rig.scores("delayed") == {"t1": START_MS + 1_500}
    assert rig.task("t1").place_ms == START_MS + 1_500


def test_an_instant_in_the_past_is_pending_now(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", at=datetime(2001, 9, 9, tzinfo=UTC)))

    assert rig.scores("pending") == {"t1": START_MS + 50 * STEP}


def test_an_instant_in_the_future_is_kept_to_the_millisecond(rig: Rig) -> None:
    due = datetime.fromtimestamp((START_MS + 12_345) / 1000, UTC)

    rig.enqueue(Task("mail", id="t1", at=due))

    assert rig.scores("delayed") == {"t1": START_MS + 12_345}


def test_a_delay_of_thirty_days_outlives_the_retention_of_finished_tasks(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="late", delay="30d"), Task("mail", id="soon"))
    worker = rig.worker()
    worker.claim(1)
    rig.advance(2 * DAY_MS)

    assert worker.claim(1) == []
    assert rig.places("late") == ["delayed"]
    assert all(rig.client.ttl(key) == -1 for key in rig.dump() if b"minute" not in key)

    rig.advance(28 * DAY_MS)
    assert ids_of(rig.worker("w#2").claim(1)) == ["late"]


def test_expiry_counts_from_when_the_task_is_due(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="t1", delay="10s", expires_in="5s"))

    assert rig.task("t1").expires_ms == START_MS + 15_000


def test_unmet_parents_make_it_wait(rig: Rig) -> None:
    rig.enqueue(Task("ship", id="c1", depends_on=["p1", "p2"]), unmet=["p1", "p2"])

    assert rig.scores("waiting") == {"c1": START_MS}
    assert rig.ids("needs") == ["c1>p1", "c1>p2"]
    assert rig.places("c1") == ["waiting"]


def test_a_full_queue_refuses_what_is_over_its_length(rig: Rig) -> None:
    rig.enqueue(Task("mail"))
    rig.set_policy(max_len=3)

    first, second, third = rig.put(Task("mail", id="a"), Task("mail", id="b"), Task("mail", id="c"))

    assert (first, second) == ("a", "b")
    assert isinstance(third, QueueFull)
    assert "c" not in rig.hash("tasks")


def test_every_unfinished_task_counts_towards_the_length(rig: Rig) -> None:
    rig.enqueue(Task("mail"), Task("mail", delay="1h"), Task("mail", priority=0))
    worker = rig.worker()
    worker.claim(1)
    rig.set_policy(max_len=3)

    (refused,) = rig.put(Task("mail"))
    assert isinstance(refused, QueueFull)

    rig.move(MoveVerb.DELETE, rig.ids("delayed")[0])
    assert rig.enqueue(Task("mail")).codes == "1"


def test_a_full_queue_still_knows_a_repeat(rig: Rig) -> None:
    task = Task("mail")
    rig.enqueue(task)
    rig.set_policy(max_len=1)

    assert rig.enqueue(task).codes == "2"


def test_enqueued_tasks_are_counted_once_each(rig: Rig) -> None:
    task = Task("mail")
    rig.enqueue(task, Task("mail"))
    rig.enqueue(task)

    assert rig.hash("counters") == {"enqueued": "2"}
    assert rig.hash("minute") == {"enqueued": "2"}
    assert 0 < rig.client.ttl(rig.key("minute")) <= 93_600


def test_many_parents_of_many_tasks_fit_one_call(rig: Rig) -> None:
    parents = [f"p{number}" for number in range(1_000)]
    tasks = [Task("ship", id=f"c{number}", depends_on=parents) for number in range(12)]

    reply = rig.enqueue(*tasks, unmet=parents)

    assert reply.codes == "1" * 12
    assert rig.client.zcard(rig.key("needs")) == 12_000


def test_five_hundred_tasks_fit_one_call(rig: Rig) -> None:
    reply = rig.enqueue(*[Task("mail") for _ in range(500)])

    assert reply.codes == "1" * 500
    assert rig.view().pending == 500


def test_one_unique_key_has_one_winner_among_threads(rig: Rig) -> None:
    answers: list[str | RediqError] = []

    def produce() -> None:
        answers.extend(rig.put(Task("mail", unique_key="k", on_duplicate="return")))

    threads = [threading.Thread(target=produce) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 100
    assert answers == [rig.ids("pending")[0]] * 100


def _produce_in_process(url: str, count: int, now_ms: int) -> list[str | RediqError]:
    import redis

    client = redis.Redis.from_url(url)
    rig = Rig(url, client)
    rig.now_ms = now_ms
    try:
        return [
            answer
            for _ in range(count)
            for answer in rig.put(Task("mail", unique_key="k", on_duplicate="return"))
        ]
    finally:
        rig.close()
        client.close()


def test_one_unique_key_has_one_winner_among_processes(rig: Rig, redis_url: str) -> None:
    context = multiprocessing.get_context("spawn")

    with context.Pool(4) as pool:
        work = [(redis_url, 25, rig.now_ms)] * 8
        answers = [answer for part in pool.starmap(_produce_in_process, work) for answer in part]

    assert len(answers) == 200
    assert set(answers) == set(rig.ids("pending"))
    assert len(rig.ids("pending")) == 1


def plain(rig: Rig, *tasks: Task[object]) -> EnqueueReply:
    encoded = [encode_task(task) for task in tasks]
    return rig.executor.run(enqueue_plain(rig.space, rig.queue, encoded, minute=rig.minute))


def whole(rig: Rig, *tasks: Task[object]) -> EnqueueReply:
    encoded = [encode_task(task) for task in tasks]
    return rig.executor.run(enqueue(rig.space, rig.queue, encoded, minute=rig.minute))


def test_both_scripts_leave_the_same_behind(rig: Rig) -> None:
    rig.enqueue(Task("mail", id="first"))
    tasks = [Task("mail", {"n": n}, priority=n, id=f"t{n}") for n in range(3)]
    empty = rig.dump()
    assert whole(rig, *tasks).codes == "111"
    expected = rig.dump()
    rig.client.flushall()
    rig.enqueue(Task("mail", id="first"))
    assert rig.dump() == empty

    reply = plain(rig, *tasks)

    assert reply == EnqueueReply(EnqueueStatus.DONE, START_MS, "111", ())
    assert rig.dump() == expected


def test_the_plain_script_keeps_the_minute_for_as_long_as_the_whole_one(rig: Rig) -> None:
    rig.enqueue(Task("mail"))
    minute = rig.key("minute")
    rig.client.delete(minute)

    plain(rig, Task("mail"))

    assert MINUTE_TTL_S - 5 <= rig.client.ttl(minute) <= MINUTE_TTL_S


@pytest.mark.parametrize(
    "obstacle", ["a known id", "an id twice", "max_len", "a follower", "a large payload"]
)
def test_what_the_plain_script_cannot_do_it_leaves_undone(rig: Rig, obstacle: str) -> None:
    rig.enqueue(Task("mail", id="known"))
    tasks: list[Task[object]] = [Task("mail", id="new")]
    match obstacle:
        case "a known id":
            tasks.append(Task("mail", id="known"))
        case "an id twice":
            tasks.append(Task("mail", id="new"))
        case "max_len":
            rig.set_policy(max_len=9)
        case "a follower":
            rig.set_policy(trace_until=START_MS + 1)
        case _:
            tasks.append(Task("mail", "x" * 40_000))
    before = rig.dump()

    reply = plain(rig, *tasks)

    assert reply.status is EnqueueStatus.NOT_PLAIN
    assert rig.dump() == before


def test_a_paused_queue_takes_plain_tasks_and_wakes_nobody(rig: Rig) -> None:
    rig.enqueue(Task("mail"))
    rig.client.delete(rig.key("wake"))
    rig.set_policy(paused=1)

    plain(rig, Task("mail"))

    assert len(rig.ids("pending")) == 2
    assert not rig.client.exists(rig.key("wake"))


def test_only_a_priority_is_plain() -> None:
    assert is_plain([encode_task(Task("mail", priority=3, timeout="5s", max_retry=2))])
    for special in (
        Task[object]("mail", delay="1s"),
        Task[object]("mail", unique_key="k"),
        Task[object]("mail", group="g"),
        Task[object]("mail", depends_on=["p"]),
        Task[object]("mail", expires_in="1s"),
    ):
        assert not is_plain([encode_task(Task("mail")), encode_task(special)])
