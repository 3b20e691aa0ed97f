"""What an operator sees of queues, and pausing them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rediq_core.admin import Admin, connect
from rediq_core.errors import QueueNotFound, Refused, SchemaMismatch
from rediq_core.model.state import TaskState
from rediq_core.model.views import Pause
from tests.support.desk import NAMESPACE, Desk, where, worker_row
from tests.support.rig import Rig


def counts_of(**counts: int) -> dict[TaskState, int]:
    return {state: counts.get(state.value, 0) for state in TaskState}


def ids_of_page(admin: Admin, queue: str, state: str, **options: int | bool) -> list[str]:
    return [task.id for task in admin.page(queue, state, **options).tasks]  # type: ignore[arg-type]


def test_no_queues_are_no_error(desk: Desk) -> None:
    assert desk.admin.queue_names() == []
    assert desk.admin.queues() == []


def test_all_queues_come_in_order_with_their_counts(desk: Desk) -> None:
    desk.dead("payment", 3)
    desk.retry("payment", 2)
    desk.pending("payment", 4)
    desk.completed("mail", 1)

    queues = desk.admin.queues()

    assert [(queue.name, queue.counts) for queue in queues] == [
        ("mail", counts_of(completed=1)),
        ("payment", counts_of(dead=3, retry=2, pending=4)),
    ]


def test_one_queue_reads_as_it_does_among_all(desk: Desk) -> None:
    desk.pending("payment", 2)
    desk.announce(worker_row(queues=("payment",)))

    (among_all,) = desk.admin.queues()

    alone = desk.admin.queue("payment")
    assert replace(alone, at_ms=0, oldest_ms=0, enqueued_per_s=0) == replace(
        among_all, at_ms=0, oldest_ms=0, enqueued_per_s=0
    )
    assert alone.workers == 1


def test_only_workers_that_may_take_tasks_are_counted(desk: Desk) -> None:
    desk.pending("mail", 1)
    desk.pending("sms", 1)
    desk.announce(worker_row("a", queues=("mail", "sms")))
    desk.announce(worker_row("b", queues=("mail",), state="paused"))
    desk.announce(worker_row("c", queues=("mail",), state="draining"))
    desk.announce(worker_row("d", queues=("mail",)), age_ms=20_000)

    workers = {queue.name: queue.workers for queue in desk.admin.queues()}

    assert workers == {"mail": 2, "sms": 1}


def test_an_unknown_queue_is_an_error_that_guesses_what_was_meant(desk: Desk) -> None:
    desk.pending("payment", 1)

    with pytest.raises(QueueNotFound) as caught:
        desk.admin.queue("paymnet")

    assert str(caught.value) == (
        "E003 There is no queue paymnet.\n"
        "     A queue begins with its first task.\n"
        "     Did you mean payment?"
    )


def test_an_unknown_queue_like_no_other_leads_to_the_list(desk: Desk) -> None:
    with pytest.raises(QueueNotFound) as caught:
        desk.admin.page("zzz", "dead")

    assert caught.value.next_step == "See all: rediq queue list"


def test_a_queue_with_a_key_of_the_wrong_type_names_that_key(desk: Desk) -> None:
    rig = desk.queue("mail")
    desk.client.set(rig.key("dead"), "x")

    with pytest.raises(SchemaMismatch, match="is a string, and read_queue needs a zset"):
        desk.admin.queues()


def test_pausing_says_whether_it_was_paused_and_who_did_it_why(desk: Desk) -> None:
    desk.pending("payment", 1)
    until_ms = desk.server_ms() + 60_000

    was_paused = [
        desk.admin.pause("payment", "ada@host"),
        desk.admin.pause("payment", "bob@host", "deploy", until_ms),
    ]

    pause = desk.admin.queue("payment").pause
    assert pause is not None
    assert was_paused == [False, True]
    assert replace(pause, since_ms=0) == Pause("bob@host", "deploy", 0, until_ms)


def test_resuming_says_whether_it_was_paused(desk: Desk) -> None:
    desk.pending("payment", 1)
    desk.admin.pause("payment", "ada@host")

    assert desk.admin.resume("payment", "ada@host")
    assert not desk.admin.resume("payment", "ada@host")
    assert desk.admin.queue("payment").pause is None


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_queue_that_does_not_exist_is_not_paused_into_being(desk: Desk, verb: str) -> None:
    with pytest.raises(QueueNotFound):
        getattr(desk.admin, verb)("payment", "ada@host")

    assert desk.client.keys() == []


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_read_only_admin_pauses_nothing(desk: Desk, verb: str) -> None:
    desk.pending("payment", 1)
    before = desk.everything()

    with (
        connect(desk.url, namespace=NAMESPACE, is_read_only=True) as admin,
        pytest.raises(Refused, match=f"did not {verb} payment"),
    ):
        getattr(admin, verb)("payment", "ada@host")

    assert desk.everything() == before


@pytest.fixture
def three_parts(desk: Desk) -> tuple[Rig, list[str]]:
    """A queue whose pending tasks are 4 in line, 3 suspects and 5 held, and their order."""
    held = desk.held("mail", 5)
    suspects = desk.suspects("mail", 3)
    in_line = desk.pending("mail", 4)
    return desk.queue("mail"), [*in_line, *suspects, *sorted(held)]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_any_page_of_pending_is_a_slice_of_all_its_parts(
    desk: Desk, three_parts: tuple[Rig, list[str]], *, is_reversed: bool
) -> None:
    _, order = three_parts
    expected = order[::-1] if is_reversed else order

    for start in range(14):
        for limit in range(1, 14):
            page = desk.admin.page(
                "mail", "pending", start=start, limit=limit, is_reversed=is_reversed
            )
            end = min(start + limit, 12)
            assert [task.id for task in page.tasks] == expected[start:end]
            assert page.total == 12
            assert page.next_start == (end if end < 12 and start < 12 else -1)


def test_parts_of_pending_are_marked(desk: Desk, three_parts: tuple[Rig, list[str]]) -> None:
    tasks = desk.admin.page("mail", "pending").tasks

    assert [task.is_suspect for task in tasks] == [False] * 4 + [True] * 3 + [False] * 5
    assert [task.is_held for task in tasks] == [False] * 7 + [True] * 5
    assert {task.state for task in tasks} == {TaskState.PENDING}


def test_a_page_is_cut_by_bytes_and_the_next_goes_on(desk: Desk) -> None:
    rig = desk.queue("mail")
    ids = desk.pending("mail", 12)
    for task_id in ids:
        stored = desk.client.hget(rig.key("tasks"), task_id)
        desk.client.hset(rig.key("tasks"), task_id, stored + b"x" * 500_000)

    sizes, seen, start = [], [], 0
    while start >= 0:
        page = desk.admin.page("mail", "pending", start=start, limit=12)
        sizes.append(len(page.tasks))
        seen += [task.id for task in page.tasks]
        start = page.next_start

    assert seen == ids
    assert sizes == [8, 4]


def test_a_state_page_reads_latest_first_if_asked(desk: Desk) -> None:
    ids = desk.dead("mail", 5)

    assert ids_of_page(desk.admin, "mail", "dead", limit=2, is_reversed=True) == ids[:2:-1]


def test_a_limit_below_one_reads_one_and_one_above_500_reads_500(desk: Desk) -> None:
    ids = desk.pending("mail", 501)

    assert ids_of_page(desk.admin, "mail", "pending", limit=0) == ids[:1]
    assert ids_of_page(desk.admin, "mail", "pending", limit=10_000) == ids[:500]


def test_looking_writes_nothing_and_never_lists_keys(desk: Desk) -> None:
    dead, pending = desk.dead("payment", 3), desk.pending("payment", 3)
    desk.announce(worker_row())
    before = desk.everything()
    desk.client.config_resetstat()

    desk.admin.queues()
    desk.admin.queue("payment")
    desk.admin.page("payment", "pending")
    desk.admin.task(dead[0])
    desk.admin.task(pending[0][-7:])
    desk.admin.select(where("all payload.n:1"))
    desk.admin.counts(where("all:payment"))
    desk.admin.workers()
    desk.admin.worker("w-1-a")

    run = {name.partition("_")[2] for name in desk.client.info("commandstats")}
    assert run & {"keys", "scan", "sscan", "hscan", "zscan"} == set()
    assert desk.everything() == before


def test_the_server_says_what_it_is(desk: Desk) -> None:
    info = desk.admin.server_info()

    assert info["redis_version"] == desk.client.info("server")["redis_version"]
    assert info["maxmemory_policy"] == "noeviction"
