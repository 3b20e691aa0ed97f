"""What the keys of tasks, causes, schedules and workers do, on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from rediq_core.model.schedule import Schedule
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.verbs.presence import Do
from tests.dash.conftest import Driver, Open
from tests.support.desk import Desk, worker_row

_S = TaskState


async def _open(dash: Driver, state: TaskState, queue: str = "mail") -> None:
    """Go to a state of a queue, and wait until it is listed."""
    await dash.command(f"{state.value} {queue}")
    await dash.see("rows 1")


def _ids(desk: Desk, state: TaskState) -> list[str]:
    return [task.id for task in desk.admin.page("mail", state).tasks]


async def test_r_retries_a_dead_task_at_once(desk: Desk, open_dash: Open) -> None:
    desk.dead("mail", 2)
    async with open_dash() as dash:
        await _open(dash, _S.DEAD)
        aimed = dash.app.view.targets()[0].id  # type: ignore[union-attr]
        await dash.press("r")
        await dash.see(f"rediq task retry {aimed[-7:]}")
    assert _ids(desk, _S.PENDING) == [aimed]


async def test_r_of_marked_tasks_asks_and_can_be_slowed_down(desk: Desk, open_dash: Open) -> None:
    desk.dead("mail", 3)
    async with open_dash() as dash:
        await _open(dash, _S.DEAD)
        await dash.press("space", "space", "r")
        await dash.see("Retry 2 tasks of dead:mail")
        await dash.press("up")
        await dash.paste("50/s")
        await dash.press("tab", "y")
        await dash.see("--rate 50/s")
        await dash.see("retried 2 tasks of dead:mail")
    assert len(_ids(desk, _S.PENDING)) == 2


async def test_r_runs_a_delayed_task_now(desk: Desk, open_dash: Open) -> None:
    (task_id,) = desk.pending("mail", 1, delay="1h")
    async with open_dash() as dash:
        await _open(dash, _S.DELAYED)
        await dash.press("r")
        await dash.see(f"rediq task run {task_id[-7:]}")
    assert _ids(desk, _S.PENDING) == [task_id]


async def test_C_cancels_after_a_question(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    (task_id,) = desk.pending("mail", 1)
    async with open_dash() as dash:
        await _open(dash, _S.PENDING)
        await dash.press("C")
        await dash.see("Cancel task")
        await dash.press("enter")  # the way out has the focus
        await dash.see("nothing was changed")
        assert _ids(desk, _S.PENDING) == [task_id]
        await dash.press("C", "y")
        await dash.see(f"cancelled task …{task_id[-7:]}")
    assert _ids(desk, _S.CANCELLED) == [task_id]


@pytest.mark.slow
async def test_X_and_u_and_restore_from_the_trash(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    ids = desk.dead("mail", 3)
    async with open_dash() as dash:
        await _open(dash, _S.DEAD)
        await dash.press("a", "X", "y")
        await dash.see("deleted 3 tasks of dead:mail")
        assert set(_ids(desk, _S.TRASH)) == set(ids)
        await dash.press("u")
        await dash.see("restored 3 tasks")
        assert set(_ids(desk, _S.DEAD)) == set(ids)

        await dash.press("X", "y")
        await dash.see("deleted task")
        await _open(dash, _S.TRASH)
        await dash.press("r")
        await dash.see("restored task")
    assert set(_ids(desk, _S.DEAD)) == set(ids)


async def test_u_without_a_deed_asks_for_the_last_one(desk: Desk, open_dash: Open) -> None:
    desk.dead("mail", 2)
    async with open_dash() as dash:
        await _open(dash, _S.DEAD)
        await dash.press("X", "y")
        await dash.see("deleted task")
    async with open_dash() as dash:
        await dash.press("u")
        await dash.see("Take back: delete, 1 task")
        await dash.press("y")
        await dash.see("restored 1 task")
    assert len(_ids(desk, _S.DEAD)) == 2


async def test_m_moves_a_task_to_another_time(desk: Desk, open_dash: Open) -> None:
    (task_id,) = desk.pending("mail", 1)
    async with open_dash() as dash:
        await _open(dash, _S.PENDING)
        await dash.press("m")
        await dash.paste("2h")
        await dash.see(f"rediq task reschedule {task_id[-7:]} --delay 2h")
        await dash.press("enter")
        await dash.see("rescheduled task")
    left_ms = desk.admin.task(task_id).due_ms - desk.server_ms()
    assert 7_190_000 < left_ms <= 7_200_000


async def test_A_acts_on_all_that_match_loaded_or_not(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    desk.dead("mail", 260)
    async with open_dash() as dash:
        await _open(dash, _S.DEAD)
        await dash.press("A")
        await dash.see("all 260 matching")
        await dash.press("r")
        await dash.see("Retry dead:mail: 260 tasks")
        await dash.press("y")
        await dash.see("retried 260 tasks of dead:mail")
    assert desk.admin.queue("mail").counts[_S.PENDING] == 260


async def test_A_with_a_filter_leaves_what_does_not_match(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    desk.dead("mail", 3, type="mail:promo")
    desk.dead("mail", 4, type="mail:receipt")
    async with open_dash() as dash:
        await _open(dash, _S.DEAD)
        await dash.press("slash")
        await dash.paste("type:mail:promo")
        await dash.press("enter")
        await dash.see("3 hits")
        await dash.press("A", "X")
        await dash.see("Type mail")  # what a filter picked is confirmed by name
        await dash.type("mail")
        await dash.press("tab", "space", "shift+tab", "enter")
        await dash.see("deleted 3 tasks of dead:mail type:mail:promo")
    assert desk.admin.queue("mail").counts[_S.DEAD] == 4


async def test_F_in_a_state_flushes_that_state(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    desk.dead("mail", 4)
    desk.pending("mail", 2)
    async with open_dash() as dash:
        await _open(dash, _S.DEAD)
        await dash.press("F", "y")
        await dash.see("rediq queue flush dead:mail")
        await dash.see("flushed 4 tasks of dead:mail")
    counts = desk.admin.queue("mail").counts
    assert (counts[_S.DEAD], counts[_S.PENDING]) == (0, 2)


async def test_copies_are_saved_where_only_this_user_reads_them(
    desk: Desk, open_dash: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.dead("mail", 3)
    monkeypatch.chdir(tmp_path)
    async with open_dash() as dash:
        await _open(dash, _S.DEAD)
        await dash.press("a", "W")
        await dash.see("saved 3 tasks")
        await dash.press("X", "tab", "tab", "space", "y")
        await dash.see("deleted 3 tasks")
    saved, kept = sorted(tmp_path.glob("*.jsonl"), key=lambda path: "delete" in path.name)
    assert [path.read_text().count("\n") for path in (saved, kept)] == [3, 3]
    assert {path.stat().st_mode & 0o777 for path in (saved, kept)} == {0o600}


async def test_y_copies_the_id_and_Y_the_payload(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    (task_id,) = desk.pending("mail", 1)
    async with open_dash() as dash:
        await _open(dash, _S.PENDING)
        await dash.press("y")
        assert dash.app.clipboard == task_id
        await dash.press("Y")
        await dash.see("copied payload")
        assert dash.app.clipboard == '{"n":0}'


async def test_o_lists_the_tasks_around_one(desk: Desk, open_dash: Open) -> None:
    parent = Task("mail", queue="mail")
    desk.queue("mail").put(parent)
    desk.queue("mail").enqueue(
        Task("mail", queue="mail", depends_on=[parent.id]), unmet=[parent.id]
    )
    async with open_dash() as dash:
        await _open(dash, _S.WAITING)
        await dash.press("o")
        await dash.see("2 hits")


async def test_causes_are_retried_and_deleted_by_their_keys(desk: Desk, open_dash: Open) -> None:
    desk.dead("mail", 3)
    async with open_dash() as dash:
        await dash.press("5")
        await dash.see("ValueError")
        await dash.press("r")
        await dash.see("3 tasks")
        await dash.press("y")
        await dash.see("retried 3 tasks")
        assert len(_ids(desk, _S.PENDING)) == 3


async def test_a_cause_leads_to_its_tasks(desk: Desk, open_dash: Open) -> None:
    desk.dead("mail", 3)
    async with open_dash() as dash:
        await dash.press("5")
        await dash.see("ValueError")
        await dash.press("enter")
        await dash.see("3 hits")


@pytest.mark.slow
async def test_schedules_run_pause_resume_and_go(desk: Desk, open_dash: Open) -> None:
    task: Task[object] = Task("report", queue="mail")
    desk.admin.add_schedule(Schedule.of("nightly", "30 2 * * *", task), "ana")
    async with open_dash() as dash:
        await dash.press("4")
        await dash.see("nightly")
        await dash.press("r")
        await dash.see("rediq schedule run nightly")
        assert desk.admin.queue("mail").pending == 1
        await dash.press("p")
        await dash.see("paused schedule nightly")
        assert desk.admin.schedule("nightly").pause is not None
        await dash.read_again()
        await dash.press("p")
        await dash.see("resumed schedule nightly")
        assert desk.admin.schedule("nightly").pause is None
        await dash.press("X")
        await dash.see("Delete schedule nightly")
        await dash.press("y")
        await dash.see("deleted schedule nightly")
    assert desk.admin.schedules() == []


@pytest.mark.slow
async def test_workers_are_told_to_pause_and_to_stop(desk: Desk, open_dash: Open) -> None:
    desk.announce(worker_row())
    async with open_dash() as dash:
        await dash.press("3")
        await dash.see("1 live")
        await dash.press("p")
        await dash.see("Pause w-1-a")
        await dash.press("y")
        await dash.see("told 1 worker to claim nothing more")
        await dash.press("K", "y")
        await dash.see("told 1 worker to stop")
    orders = desk.client.lrange(desk.client.keys("*sup-of*")[0], 0, -1)
    assert [Do.PAUSE.value in str(orders), Do.STOP.value in str(orders)] == [True, True]
