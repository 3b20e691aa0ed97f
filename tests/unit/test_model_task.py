"""A task is a frozen value, checked when it is made, and one piece of work."""

from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from rediq_core.errors import InvalidOption
from rediq_core.model.ids import queue_tag, tag_of_queue
from rediq_core.model.task import MAX_KEY_LENGTH, MAX_PARENTS, Task
from rediq_core.model.task_type import TaskType

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Payment(BaseModel):
    order_id: int


def test_a_task_has_an_id_of_its_queue() -> None:
    task: Task[object] = Task("mail", queue="sms")

    assert queue_tag(task.id) == tag_of_queue("sms")


def test_two_equal_tasks_are_two_pieces_of_work() -> None:
    assert Task("mail", {"n": 1}).id != Task("mail", {"n": 1}).id


def test_defaults_are_those_of_the_contract() -> None:
    task: Task[object] = Task("mail")

    assert (task.queue, task.priority, task.payload) == ("default", 50, None)
    assert (task.max_retry, task.timeout, task.backoff) == (None, None, None)


def test_a_task_is_frozen() -> None:
    task: Task[object] = Task("mail")

    with pytest.raises(dataclasses.FrozenInstanceError):
        task.priority = 1  # type: ignore[misc]  # what must not be possible


def test_a_copy_is_new_work_like_the_first() -> None:
    task: Task[object] = Task("mail", {"n": 1}, priority=3, unique_key="k")

    twin = task.copy()

    assert twin.id != task.id
    assert dataclasses.replace(twin, id=task.id) == task


def test_a_copy_takes_changes_and_checks_them() -> None:
    task: Task[object] = Task("mail", priority=3)

    assert task.copy(priority=0).priority == 0
    assert task.copy(id="mine").id == "mine"
    assert queue_tag(task.copy(queue="sms").id) == tag_of_queue("sms")
    with pytest.raises(InvalidOption):
        task.copy(priority=101)


def test_a_shallow_copy_is_the_same_work() -> None:
    task: Task[object] = Task("mail")

    assert copy.copy(task) == task


@pytest.mark.parametrize("priority", [-1, 101, 1.0, "1", True, None])
def test_priority_is_a_whole_number_from_0_to_100(priority: object) -> None:
    with pytest.raises(InvalidOption, match="priority"):
        Task("mail", priority=priority)  # type: ignore[arg-type]  # what must be refused


@pytest.mark.parametrize("priority", [0, 100])
def test_both_ends_of_priority_are_allowed(priority: int) -> None:
    assert Task("mail", priority=priority).priority == priority


@pytest.mark.parametrize(
    "options",
    [
        {"type": ""},
        {"type": "no spaces"},
        {"type": "pipe|"},
        {"queue": "{brace}"},
        {"queue": "dead"},
        {"queue": "x" * 129},
        {"max_retry": -1},
        {"max_retry": 1.5},
        {"max_retry": True},
        {"timeout": "soon"},
        {"delay": -1},
        {"expires_in": float("nan")},
        {"keep": "forever"},
        {"unique_for": None, "unique_key": ""},
        {"unique_key": "x" * (MAX_KEY_LENGTH + 1)},
        {"unique_key": "line\nbreak"},
        {"unique_key": "nul\0"},
        {"unique_for": "5s"},
        {"at": datetime(2026, 1, 2)},  # noqa: DTZ001  # naive on purpose
        {"at": NOON, "delay": "5s"},
        {"backoff": "exponential"},
        {"group": "no spaces"},
        {"id": "has space"},
        {"id": "a>b"},
        {"id": "a|b"},
        {"id": "a,b"},
        {"id": "a;b"},
        {"id": "a/b"},
        {"id": "x" * (MAX_KEY_LENGTH + 1)},
        {"depends_on": [""]},
        {"depends_on": ["a b"]},
        {"depends_on": [f"p{number}" for number in range(MAX_PARENTS + 1)]},
        {"depends_on": "p", "on_dependency_failure": "explode"},
        {"depends_on": "p", "on_missing_dependency": "explode"},
        {"unique_key": "k", "on_duplicate": "explode"},
    ],
)
def test_wrong_options_are_refused_when_the_task_is_made(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        Task(**{"type": "mail", **options})  # type: ignore[arg-type]  # what must be refused


def test_parents_are_ids_or_tasks_one_or_several() -> None:
    parent: Task[object] = Task("mail", id="p1")

    assert Task("ship").parent_ids == ()
    assert Task("ship", depends_on="p0").parent_ids == ("p0",)
    assert Task("ship", depends_on=parent).parent_ids == ("p1",)
    assert Task("ship", depends_on=["p0", parent]).parent_ids == ("p0", "p1")


def test_a_type_stamps_its_queue_and_priority_and_leaves_the_rest_to_the_worker() -> None:
    payment = TaskType("order:payment", Payment, queue="payment", priority=0, max_retry=5)

    task = payment.task(Payment(order_id=7), delay="5s")

    assert (task.type, task.queue, task.priority) == ("order:payment", "payment", 0)
    assert (task.max_retry, task.delay) == (None, "5s")
    assert task.payload == Payment(order_id=7)


def test_what_a_call_names_wins_over_the_type() -> None:
    payment = TaskType("order:payment", queue="payment", priority=0)

    task = payment.task(priority=9, queue="slow")

    assert (task.queue, task.priority) == ("slow", 9)


@pytest.mark.parametrize(
    "options",
    [{"name": "a b"}, {"queue": "all"}, {"priority": 101}, {"timeout": "soon"}, {"backoff": []}],
)
def test_a_type_that_means_nothing_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        TaskType(**{"name": "mail", **options})  # type: ignore[call-overload]  # must be refused


def test_durations_may_be_written_in_any_form() -> None:
    for form in (timedelta(seconds=5), 5, 5.0, "5s"):
        assert Task("mail", timeout=form).timeout == form
