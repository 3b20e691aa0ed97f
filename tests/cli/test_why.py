"""`rediq why` answers on one screen, in the same words for people and for scripts."""

from __future__ import annotations

from collections.abc import Callable

from syrupy.assertion import SnapshotAssertion

from tests.cli.conftest import Rediq
from tests.support.desk import Desk, worker_row

Stable = Callable[[str], str]


def test_a_queue_and_its_task_name_the_reasons_and_the_commands(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    (task_id,) = desk.pending("payment", 1)
    desk.admin.pause("payment", "ada@host", "bank is down")

    queue, task = rediq("why", "payment"), rediq("why", task_id[-8:])

    assert (queue.code, queue.err, task.code, task.err) == (0, "", 0, "")
    assert stable(queue.out) == snapshot
    assert stable(task.out) == snapshot


def test_json_has_a_code_a_text_and_a_next_step_for_each_reason(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    (task_id,) = desk.pending("payment", 1)
    desk.admin.pause("payment", "ada@host", "bank is down")
    desk.announce(worker_row(queues=("payment",)))

    assert stable(rediq("why", task_id, "--json").out) == snapshot
    assert rediq("why", task_id, "-o", "ids").out == f"{task_id}\n"


def test_nothing_is_wrong(rediq: Rediq, desk: Desk) -> None:
    desk.queue("payment")
    desk.announce(worker_row(queues=("payment",)))

    assert rediq("why", "payment").out == (
        "queue payment: idle\n  ✓ nothing is wrong: it has no pending tasks\n"
    )


def test_a_misspelt_queue_exits_3(rediq: Rediq, desk: Desk) -> None:
    desk.pending("payment", 1)

    ended = rediq("why", "paymnt")

    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        "E003 there is no queue and no task paymnt.\n"
        "     A queue begins with its first task; a task is forgotten some time after it ended.\n"
        "     Did you mean payment?\n"
    )
