"""`why` names each thing that can hold a task or a queue back, and the command that ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from rediq_core.admin import Answer, Reason, Weight
from rediq_core.admin.why import why_task
from rediq_core.errors import QueueNotFound
from rediq_core.model.task import Task
from rediq_core.verbs.moves import MoveVerb
from rediq_core.verbs.progress import ProgressReport, report_progress
from tests.support.desk import Desk, worker_row
from tests.support.rig import completed, died

MINUTE_MS = 60_000


@pytest.fixture
def desk(redis_url: str, redis_client: redis.Redis) -> Iterator[Desk]:
    with Desk(redis_url, redis_client) as desk:
        yield desk


def put(desk: Desk, *tasks: Task[object]) -> list[str]:
    return [str(id_) for id_ in desk.queue(tasks[0].queue).put(*tasks)]


def mail(**options: object) -> Task[object]:
    return Task("mail", queue="mail", **options)  # type: ignore[arg-type]  # options of the tests' own


def alive(desk: Desk, **changes: object) -> None:
    desk.announce(worker_row(**changes))


def reason(answer: Answer, code: str) -> Reason:
    found = {reason.code: reason for reason in answer.reasons}
    assert code in found, list(found)
    return found[code]


def only(answer: Answer) -> Reason:
    (found,) = answer.reasons
    return found


# Pending.


def test_a_task_that_can_start_is_the_first_in_line(desk: Desk) -> None:
    first, second = put(desk, mail(), mail())
    alive(desk)

    ahead, behind = desk.admin.why(first), desk.admin.why(second)

    assert only(ahead).text == "it is 1st of 2 in line"
    assert (only(ahead).weight, ahead.is_blocked) == (Weight.FINE, False)
    assert only(behind).text == "it is 2nd of 2 in line"
    assert behind.place is not None
    assert (behind.place.position, behind.place.total, behind.place.eta_ms) == (2, 2, None)


def test_a_task_that_a_worker_takes_while_it_is_looked_at_starts_in_this_moment(desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    alive(desk)
    seen = desk.admin.task(task_id)
    desk.queue("mail").worker("w-1-a#1").claim(1)

    found = only(why_task(desk.admin.access, seen))

    assert (found.code, found.weight) == ("next", Weight.FINE)
    assert found.text == "it starts in this moment"


def test_a_place_in_line_has_a_time_at_the_present_rate(desk: Desk) -> None:
    desk.completed("mail", 120)
    *_, last = put(desk, *[mail() for _ in range(20)])
    alive(desk)

    found = desk.admin.why(last)

    assert found.place is not None
    assert found.place.eta_ms is not None
    # 120 in the present or the last minute are at most 2 a second, and 20 take 10 s at least.
    assert 9_000 < found.place.eta_ms < 60_000
    assert only(found).text.startswith("it is 20th of 20 in line; about ")
    assert only(found).text.endswith(" at the present rate")


def test_a_paused_queue_says_by_whom_since_when_and_until_when(desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    alive(desk)
    until_ms = desk.server_ms() + 10 * MINUTE_MS
    desk.admin.pause("mail", "ada@host", "bank is down", until_ms)

    for word in (task_id, "mail"):
        paused = reason(desk.admin.why(word), "paused")

        assert paused.text.startswith("queue mail was paused by ada@host (bank is down) ")
        assert "; it resumes in " in paused.text
        assert paused.next_step == "rediq queue resume mail"
        assert (paused.by, paused.until_ms, paused.refers_to) == ("ada@host", until_ms, "mail")
        assert desk.admin.why(word).is_blocked


def test_no_live_worker(desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    desk.announce(worker_row("w-9-z"), age_ms=MINUTE_MS)
    alive(desk, worker_id="w-2-b", queues=("other",))

    for word in (task_id, "mail"):
        nobody = reason(desk.admin.why(word), "no_worker")

        assert nobody.text.startswith(
            "no live worker takes queue mail; the last one, w-9-z, was lost 1m"
        )
        assert nobody.next_step == "rediq worker start -c FILE --queues mail"
        assert nobody.refers_to == "w-9-z"


@pytest.mark.parametrize(
    ("state", "code", "next_step"),
    [
        ("paused", "workers_paused", "rediq worker resume w-1-a"),
        ("draining", "workers_stopping", "rediq worker start --queues mail"),
    ],
)
def test_workers_that_take_nothing(state: str, code: str, next_step: str, desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    alive(desk, state=state)

    for word in (task_id, "mail"):
        assert reason(desk.admin.why(word), code).next_step == next_step


def test_all_slots_taken(desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    alive(desk, busy=10)

    for word in (task_id, "mail"):
        busy = reason(desk.admin.why(word), "busy")

        assert busy.text == "all 10 slots of its 1 worker are taken"
        assert busy.weight is Weight.WAITING


def test_global_concurrency(desk: Desk) -> None:
    desk.active("mail", 2)
    (task_id,) = put(desk, mail())
    desk.queue("mail").set_policy(concurrency=2)
    alive(desk)

    for word in (task_id, "mail"):
        full = reason(desk.admin.why(word), "concurrency")

        assert full.text == "2 of at most 2 tasks run, over all workers"
        assert full.next_step == "rediq queue limit mail --concurrency 4"


def test_a_rate_that_is_used_up(desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    alive(desk)
    desk.queue("mail").set_policy(
        rate=6, rate_ms=MINUTE_MS, burst=1, tokens="0", tokens_ms=desk.server_ms()
    )

    for word in (task_id, "mail"):
        held_back = reason(desk.admin.why(word), "rate")

        assert held_back.text.startswith("its rate of 6 in 1m is used up; the next task may start")
        assert 0 < held_back.until_ms - desk.server_ms() <= 10_000


def test_a_rate_that_allows_a_start_is_no_reason(desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    alive(desk)
    desk.queue("mail").set_policy(rate=6, rate_ms=MINUTE_MS, burst=1)

    assert only(desk.admin.why(task_id)).code == "in_line"


def test_a_type_that_no_worker_of_the_queue_knows(desk: Desk) -> None:
    (task_id,) = put(desk, Task("odd", queue="mail"))
    alive(desk)

    unknown = reason(desk.admin.why(task_id), "unknown_type")

    assert unknown.text == "no live worker of queue mail has a handler for odd; they know mail"
    assert unknown.weight is Weight.BLOCKED
    assert "with a handler for odd" in unknown.next_step


def test_a_held_task_and_its_queue(desk: Desk) -> None:
    (task_id,) = desk.held("mail", 1)
    alive(desk)

    assert reason(desk.admin.why(task_id), "unknown_type").refers_to == "odd"
    unroutable = reason(desk.admin.why("mail"), "unroutable")
    assert unroutable.text == ("1 task held: no worker that asked has a handler for odd")


def test_a_task_in_the_wrong_queue(desk: Desk) -> None:
    (task_id,) = put(desk, Task("order:payment", queue="mail"))
    alive(desk)
    alive(desk, worker_id="w-2-b", queues=("payment",), types=("order:payment",))

    wrong = reason(desk.admin.why(task_id), "wrong_queue")

    assert wrong.text == (
        "order:payment is pending in mail, but workers take it from payment;"
        " did the producer forget queue="
    )
    assert wrong.refers_to == "payment"


def test_a_suspect_runs_alone(desk: Desk) -> None:
    (task_id,) = desk.suspects("mail", 1)
    alive(desk)

    assert reason(desk.admin.why(task_id), "suspect").text.startswith(
        "it lost its worker 2 times, so it runs alone"
    )
    assert reason(desk.admin.why("mail"), "suspects").text.startswith("1 task to run alone")


def test_a_task_that_will_expire_and_one_that_has(desk: Desk) -> None:
    soon, late = put(desk, mail(expires_in="1h"), mail(expires_in="1ms"))
    alive(desk)

    expires, expired = desk.admin.why(soon), desk.admin.why(late)

    assert reason(expires, "expires").text.startswith("it is cancelled in ")
    assert reason(expired, "expired").text.startswith("it expired ")


# Delayed, retry, waiting.


def test_a_delayed_task_is_due_later(desk: Desk) -> None:
    (task_id,) = put(desk, mail(delay="1h"))
    alive(desk)

    due = only(desk.admin.why(task_id))

    assert due.text.startswith("it is due in 59m") or due.text == "it is due in 1h"
    assert due.next_step == f"rediq task run {task_id}"
    assert reason(desk.admin.why("mail"), "due_later").text.startswith("1 task due later")


def test_a_delayed_task_of_a_paused_queue_has_both_reasons(desk: Desk) -> None:
    (task_id,) = put(desk, mail(delay="1h"))
    alive(desk)
    desk.admin.pause("mail", "ada@host")

    assert [found.code for found in desk.admin.why(task_id).reasons] == ["paused", "due"]


def test_a_retry_says_which_error_and_when(desk: Desk) -> None:
    (task_id,) = desk.retry("mail", 1)
    alive(desk)

    retry = only(desk.admin.why(task_id))

    assert retry.text.startswith("attempt 1 failed; the next one comes in ")
    assert retry.text.endswith(": ValueError: no")
    assert (retry.next_step, retry.refers_to) == (f"rediq task run {task_id}", "f1")


def test_waiting_for_a_running_parent(desk: Desk) -> None:
    parent: Task[object] = Task("video", queue="video")
    put(desk, parent)
    rig = desk.queue("video")
    (claimed,) = rig.worker("w-1-a#1").claim(1)
    report = ProgressReport(claimed.id, claimed.token, 43, "encoding")
    rig.executor.run(report_progress(rig.space, "video", [report]))
    child = mail(depends_on=parent)
    desk.queue("mail").enqueue(child, unmet=[parent.id])
    alive(desk)

    waiting = only(desk.admin.why(child.id))

    assert waiting.text == f"it waits for task {parent.id} (video, running, 43%)"
    assert (waiting.next_step, waiting.refers_to) == (f"rediq why {parent.id}", parent.id)
    assert reason(desk.admin.why("mail"), "waiting").text.startswith("1 task waiting for others")


def test_waiting_for_a_parent_that_is_not_known_any_more(desk: Desk) -> None:
    child = mail(depends_on="gone-parent")
    desk.queue("mail").enqueue(child, unmet=["gone-parent"])

    gone = only(desk.admin.why(child.id))

    assert (gone.code, gone.next_step) == ("parent_gone", "rediq doctor --fix")


def test_waiting_for_a_parent_that_is_over_and_not_yet_told(desk: Desk) -> None:
    (parent_id,) = desk.dead("video", 1)
    child = mail(depends_on=parent_id)
    desk.queue("mail").enqueue(child, unmet=[parent_id])

    assert only(desk.admin.why(child.id)).code == "parent_done"


def test_collecting_in_a_group(desk: Desk) -> None:
    first, second = put(desk, mail(group="daily"), mail(group="daily"))
    put(desk, mail(group="other"))
    alive(desk)

    collecting = only(desk.admin.why(first))

    assert collecting.text.startswith("it collects in group daily of mail, so far 2 tasks; it runs")
    assert collecting.next_step == "rediq group run mail/mail/daily"
    assert collecting.refers_to == "daily"
    assert 0 < collecting.until_ms - desk.server_ms() <= 30_000
    assert only(desk.admin.why(second)).code == "collecting"


def test_a_ripe_group_runs_with_its_first_task(desk: Desk) -> None:
    ids = put(desk, *[mail(group="daily") for _ in range(10)])
    alive(desk)
    desk.admin.pause("mail", "ada@host")

    assert [found.code for found in desk.admin.why(ids[0]).reasons] == ["paused", "in_line"]
    assert [found.code for found in desk.admin.why(ids[9]).reasons] == ["paused", "group_ripe"]


def test_waiting_for_nothing_is_a_fault(desk: Desk, redis_client: redis.Redis) -> None:
    (task_id,) = put(desk, mail())
    rig = desk.queue("mail")
    redis_client.zrem(rig.key("pending"), task_id)
    redis_client.zadd(rig.key("waiting"), {task_id: 1})

    assert only(desk.admin.why(task_id)).code == "stranded"


# Active.


def test_running_says_where_since_when_and_how_far(desk: Desk) -> None:
    (claimed,) = desk.active("mail", 1)
    rig = desk.queue("mail")
    report = ProgressReport(claimed.id, claimed.token, 40, "contacting bank")
    rig.executor.run(report_progress(rig.space, "mail", [report]))

    running = only(desk.admin.why(claimed.id))

    assert running.text.startswith("it has been running on w-1-a#1 for ")
    assert running.text.endswith(", 40% contacting bank")
    assert (running.weight, running.refers_to) == (Weight.FINE, "w-1-a#1")


def test_running_and_told_to_stop(desk: Desk) -> None:
    (claimed,) = desk.active("mail", 1)
    desk.admin.move("cancel", [claimed.id], by="ada@host", reason="wrong order")

    told = reason(desk.admin.why(claimed.id), "cancelling")

    assert told.text == "it was told to stop by ada@host (wrong order)"
    assert told.next_step == f"rediq task cancel {claimed.id} --force     if it does not"


def test_running_on_a_worker_whose_lease_ended(desk: Desk) -> None:
    (claimed,) = desk.active("mail", 1)
    rig = desk.queue("mail")
    desk.client.zadd(rig.key("leases"), {"w-1-a#1": desk.server_ms() - 4_000})

    lost = reason(desk.admin.why(claimed.id), "lease_lost")

    assert lost.text.startswith("the lease of w-1-a#1 ended 4")
    assert (lost.weight, lost.next_step) == (
        Weight.BLOCKED,
        "rediq worker start -c FILE --queues mail",
    )
    alive(desk)
    assert reason(desk.admin.why(claimed.id), "lease_lost").weight is Weight.WAITING


# Over.


def test_completed(desk: Desk) -> None:
    (task_id,) = desk.completed("mail", 1)

    done = only(desk.admin.why(task_id))

    assert done.text.startswith("it completed ")
    assert done.text.endswith(" ago after 3ms on seed-mail-completed#1")
    assert done.next_step == f"rediq task result {task_id}"


def test_dead_of_its_errors(desk: Desk) -> None:
    put(desk, mail())
    rig = desk.queue("mail")
    worker = rig.worker()
    (claimed,) = worker.claim(1)
    line = died(claimed).line.replace("}\n", ',"e":"ValueError","m":"no","p":"f1"}\n')
    worker.settle(died(claimed)._replace(line=line))

    dead = only(desk.admin.why(claimed.id))

    assert "after 1 attempt: ValueError: no" in dead.text
    assert dead.next_step == f"rediq task retry {claimed.id}"


def test_dead_as_poison(desk: Desk) -> None:
    (task_id,) = desk.suspects("mail", 1)
    rig = desk.queue("mail")
    rig.worker("last#1").claim(1, is_solo=True)
    rig.reap("last#1")

    assert "as poison: it lost its worker 3 times" in only(desk.admin.why(task_id)).text


@pytest.mark.parametrize("is_running", [False, True])
def test_cancelled_by_whom(is_running: bool, desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    rig = desk.queue("mail")
    worker = rig.worker()
    claimed = worker.claim(1) if is_running else []
    desk.admin.move("cancel", [task_id], by="ada@host", reason="not needed")
    for task in claimed:
        worker.settle(died(task))

    cancelled = only(desk.admin.why(task_id))

    how = " while it ran" if is_running else ""
    assert cancelled.text.startswith(f"it was cancelled{how} by ada@host (not needed) ")
    assert (cancelled.code, cancelled.by) == ("cancelled", "ada@host")


def test_expired_and_replaced(desk: Desk) -> None:
    late, old = mail(expires_in="1ms"), mail(unique_key="k")
    put(desk, old)
    put(desk, mail(unique_key="k", on_duplicate="replace"))
    put(desk, late)
    rig = desk.queue("mail")
    rig.advance(1_000)
    rig.worker().claim(5)

    assert only(desk.admin.why(late.id)).text.startswith("it expired before it was started")
    assert only(desk.admin.why(late.id)).code == "expired"
    replaced = reason(desk.admin.why(old.id), "cancelled")
    assert replaced.text.startswith("another task with its unique key replaced it ")


def test_deleted_by_whom_and_until_when_it_can_come_back(desk: Desk) -> None:
    (task_id,) = put(desk, mail())
    desk.admin.move("delete", [task_id], by="ada@host")

    trash = only(desk.admin.why(task_id))

    assert trash.text.startswith("it was deleted by ada@host ")
    assert "(it was pending), and is gone for good in " in trash.text
    assert trash.next_step == f"rediq task restore {task_id}"


@pytest.mark.parametrize(("verb", "back"), [("cancel", "retry"), ("delete", "restore")])
def test_a_unique_key_that_somebody_else_holds(verb: str, back: str, desk: Desk) -> None:
    (first,) = put(desk, mail(unique_key="k|7"))
    desk.admin.move(MoveVerb(verb), [first], by="ada@host")
    (second,) = put(desk, mail(unique_key="k|7"))

    taken = reason(desk.admin.why(first), "unique_key")

    assert taken.text == f"its unique key k|7 is held by task {second}, so {back} would be refused"
    assert (taken.next_step, taken.refers_to) == (f"rediq why {second}", second)


# Queues, and what is neither.


def test_a_queue_where_nothing_is_wrong(desk: Desk) -> None:
    desk.queue("mail")
    alive(desk)

    empty = desk.admin.why("mail")
    put(desk, mail())
    ready = desk.admin.why("mail")
    for task in desk.queue("mail").worker().claim(1):
        desk.queue("mail").worker("w#2").settle(completed(task))

    assert (only(empty).text, empty.state) == (
        "nothing is wrong: it has no pending tasks",
        "idle",
    )
    assert (only(ready).text, ready.state) == (
        "nothing is wrong: 1 task can start now",
        "running",
    )


def test_a_queue_that_grows_faster_than_it_drains(desk: Desk) -> None:
    desk.completed("mail", 2)
    desk.pending("mail", 10)
    alive(desk)

    behind = reason(desk.admin.why("mail"), "behind")

    assert behind.text.startswith("more comes in (")


def test_what_is_neither_queue_nor_task_names_the_likely_queue(desk: Desk) -> None:
    desk.queue("payment")

    with pytest.raises(QueueNotFound) as refused:
        desk.admin.why("paymnt")

    assert refused.value.message == "There is no queue and no task paymnt."
    assert refused.value.next_step == "Did you mean payment?"


def test_why_changes_nothing(desk: Desk) -> None:
    ids = [*desk.dead("mail", 1), *desk.held("mail", 1), *desk.suspects("mail", 1)]
    before = desk.everything()

    for word in [*ids, "mail"]:
        desk.admin.why(word)

    assert desk.everything() == before
