"""What the keys of queues do, on a real server."""

from __future__ import annotations

import redis

from rediq_core.model.state import TaskState
from tests.dash.conftest import ME, Open
from tests.support.desk import Desk


async def test_p_pauses_and_p_resumes_with_the_command_line_shown(
    desk: Desk, open_dash: Open
) -> None:
    desk.pending("mail", 3)
    async with open_dash() as dash:
        await dash.press("p")
        await dash.see("rediq queue pause mail")
        pause = desk.admin.queue("mail").pause
        assert pause is not None
        assert pause.by == ME
        await dash.see("‖ paused         3")

        await dash.press("p")
        await dash.see("rediq queue resume mail")
        assert desk.admin.queue("mail").pause is None


async def test_u_takes_a_pause_back(desk: Desk, open_dash: Open) -> None:
    desk.pending("mail", 3)
    async with open_dash() as dash:
        await dash.press("p")
        await dash.see("u takes it back")
        await dash.press("u")
        await dash.see("resumed mail")
        assert desk.admin.queue("mail").pause is None


async def test_P_pauses_with_a_reason_and_an_end(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    desk.pending("mail", 3)
    async with open_dash() as dash:
        await dash.press("P")
        await dash.see("Pause mail")
        await dash.paste("bank is down")
        await dash.press("tab")
        await dash.paste("30m")
        await dash.see("rediq queue pause mail --reason 'bank is down' --for 30m")
        await dash.press("enter")
        await dash.see("paused mail")
        pause = desk.admin.queue("mail").pause
        assert pause is not None
        assert (pause.reason, pause.until_ms > desk.server_ms()) == ("bank is down", True)


async def test_a_form_says_what_is_wrong_and_stays_open(desk: Desk, open_dash: Open) -> None:
    desk.pending("mail", 3)
    async with open_dash() as dash:
        await dash.press("P", "tab")
        await dash.paste("soon")
        await dash.press("enter")
        await dash.see("'soon' is not a duration")
        await dash.press("escape")
        await dash.see("nothing was changed")
        assert desk.admin.queue("mail").pause is None


async def test_e_enqueues_a_task(desk: Desk, open_dash: Open) -> None:
    desk.pending("mail", 1)
    async with open_dash() as dash:
        await dash.press("e")
        await dash.see("Enqueue a task in mail")
        await dash.paste("order:pay")
        await dash.press("tab")
        await dash.paste('{"n": 7}')
        await dash.press("enter")
        await dash.see("enqueued order:pay in mail")
    found = desk.admin.page("mail", TaskState.PENDING).tasks
    assert [(task.type, task.payload) for task in found][1:] == [("order:pay", {"n": 7})]


async def test_L_overrides_limits(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    desk.pending("mail", 1)
    async with open_dash() as dash:
        await dash.press("L")
        await dash.see("Limits of mail")
        await dash.paste("3")
        await dash.press("tab")
        await dash.paste("100/m")
        await dash.press("enter")
        await dash.see("rediq queue limit mail --concurrency 3 --rate 100/m")
        live = desk.admin.limits("mail").live
        assert (live.concurrency, str(live.rate)) == (3, "100/m")


async def test_R_asks_and_retries_all_dead(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    desk.dead("mail", 3)
    async with open_dash() as dash:
        await dash.press("R")
        await dash.see("3 tasks")
        await dash.press("y")
        await dash.see("retried 3 tasks of dead:mail")
        assert desk.admin.queue("mail").counts[TaskState.DEAD] == 0


async def test_F_of_few_asks_y_and_u_takes_it_back(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    ids = desk.pending("mail", 5)
    async with open_dash() as dash:
        await dash.press("F")
        await dash.see("Flush pending:mail: 5 tasks")
        await dash.press("y")
        await dash.see("flushed 5 tasks of pending:mail")
        assert desk.admin.queue("mail").pending == 0

        await dash.press("u")
        await dash.see("restored 5 tasks")
        found = desk.admin.page("mail", TaskState.PENDING).tasks
        assert [task.id for task in found] == ids


async def test_F_of_many_wants_the_name_typed(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    desk.pending("mail", 150)
    async with open_dash() as dash:
        await dash.press("F")
        await dash.see("Type mail")
        await dash.press("y", "enter")
        await dash.see("That is not what is to be typed.")
        assert desk.admin.queue("mail").pending == 150
        await dash.press("backspace")
        await dash.type("mail")
        await dash.press("tab", "space")
        await dash.press("shift+tab", "enter")
        await dash.see("flushed 150 tasks of pending:mail")
    assert desk.admin.queue("mail").pending == 0


async def test_X_removes_an_empty_queue_after_its_name(desk: Desk, open_dash: Open) -> None:  # noqa: N802 - the key
    desk.queue("mail")
    async with open_dash() as dash:
        await dash.press("X")
        await dash.see("Remove queue mail")
        await dash.type("mail")
        await dash.press("enter")
        await dash.see("removed queue mail")
    assert desk.admin.queue_names() == []


async def test_keys_work_on_the_first_queue_of_an_empty_install(
    desk: Desk, open_dash: Open
) -> None:
    async with open_dash() as dash:
        await dash.see("No queues yet.")
        desk.pending("mail", 1)
        await dash.read_again()
        await dash.see("mail")
        await dash.press("p")
        await dash.see("paused mail")


async def test_what_needs_attention_says_what_helps_and_takes_the_keys(
    desk: Desk, open_dash: Open
) -> None:
    desk.queue("album")  # where the cursor of the queues stands
    desk.pending("mail", 3)
    desk.admin.pause("mail", "bob@there", "deploy")
    async with open_dash() as dash:
        await dash.see("p resumes it")
        await dash.press("tab", "p")
        await dash.see("rediq queue resume mail")
        assert desk.admin.queue("mail").pause is None


async def test_a_replica_is_named_when_a_key_would_write_to_it(
    desk: Desk, open_dash: Open, redis_client: redis.Redis
) -> None:
    desk.pending("mail", 3)
    # A port where nobody listens: it serves what it has, and takes no writes.
    redis_client.replicaof("127.0.0.1", "1")
    try:
        async with open_dash() as dash:
            assert "mail" in dash.frame()
            await dash.press("p")
            await dash.see("is a read-only replica")
            await dash.see("Point the URL at the master")
            assert dash.app.snapshot.trouble is None
            await dash.press("escape", "3")
            await dash.see("HOST:PID")
    finally:
        redis_client.replicaof("NO", "ONE")
    assert desk.admin.queue("mail").pause is None
