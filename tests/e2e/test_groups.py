"""Groups as users run them: real task processes, every member settled exactly once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from rediq_core import SyncClient, Task, TaskState
from rediq_core.admin import connect
from tests.support.guarded import as_operator
from tests.support.waiting import wait_until
from tests.support.workers import Worker

MODULE = "tests.e2e.handlers_for_groups"
FINAL = {TaskState.COMPLETED, TaskState.DEAD, TaskState.CANCELLED}
# Kinds of timeline lines that end a task.
ENDS = ("completed", "dead", "cancelled", "poison", "expired")


@pytest.fixture
def client(redis_url: str) -> Iterator[SyncClient]:
    with SyncClient(redis_url) as made:
        yield made


@pytest.fixture
def running(redis_url: str) -> Iterator[Worker]:
    worker = Worker(redis_url, "--concurrency", "4", module=MODULE)
    yield worker
    worker.close()


def put(client: SyncClient, kind: str, *payloads: object, group: str = "g") -> list[str]:
    return client.enqueue_many([Task(kind, payload, group=group) for payload in payloads])


def ended(client: SyncClient, ids: list[str], timeout_s: float = 30) -> list[TaskState]:
    """Wait until all are final, and check that each ended once."""
    wait_until(
        lambda: all(client.get(id_).state in FINAL for id_ in ids), f"{ids} are final", timeout_s
    )
    views = [client.get(id_) for id_ in ids]
    assert [sum(entry.kind in ENDS for entry in view.timeline) for view in views] == [1] * len(ids)
    return [view.state for view in views]


@pytest.mark.usefixtures("running")
def test_a_handler_is_called_with_up_to_max_size_members(client: SyncClient) -> None:
    ids = put(client, "batch", *range(12))

    assert ended(client, ids) == [TaskState.COMPLETED] * 12
    shared = [client.get(id_).result for id_ in ids]
    assert sorted(len(result["ids"]) for result in shared if isinstance(result, dict)) == (
        [2] * 2 + [5] * 10
    )
    assert all(id_ in result["ids"] for id_, result in zip(ids, shared, strict=True))  # type: ignore[index]  # a dict, as above


@pytest.mark.usefixtures("running")
def test_plain_group_handlers_run_in_a_thread(client: SyncClient) -> None:
    ids = put(client, "thread:batch", 1, 2, 3)

    assert [client.result(id_, timeout=20) for id_ in ids] == [3, 3, 3]


@pytest.mark.usefixtures("running")
def test_a_task_without_a_group_arrives_as_a_list_of_one(client: SyncClient) -> None:
    alone = client.enqueue(Task("batch", 1))

    assert client.result(alone, timeout=20) == {"ids": [alone], "led_by": alone}


@pytest.mark.usefixtures("running")
def test_members_fail_alone(client: SyncClient) -> None:
    good, late, never = put(client, "strict", {"n": 1}, {"n": 0}, {"n": -1})
    misfit = put(client, "strict", {"n": "many"})[0]

    assert ended(client, [good, late, never, misfit]) == [
        TaskState.COMPLETED,
        TaskState.COMPLETED,
        TaskState.DEAD,
        TaskState.DEAD,
    ]
    assert [client.get(id_).attempts for id_ in (good, late, never, misfit)] == [1, 2, 1, 1]
    assert client.get(never).error == "Permanent: never"
    assert "E002" in client.get(misfit).error or "PayloadMismatch" in client.get(misfit).error
    assert client.get(late).result == [0]


@pytest.mark.usefixtures("running")
def test_what_the_call_raises_is_the_outcome_of_all(client: SyncClient) -> None:
    ids = put(client, "broken", 1, 2, 3)

    assert ended(client, ids) == [TaskState.COMPLETED] * 3
    kinds = [[entry.kind for entry in client.get(id_).timeline] for id_ in ids]
    assert kinds == [["retry", "completed"]] * 3


@pytest.mark.usefixtures("running")
def test_a_run_past_its_timeout_fails_all_members(client: SyncClient) -> None:
    ids = put(client, "timely", 1, 2, 3)

    assert ended(client, ids) == [TaskState.DEAD] * 3
    assert all("E004" in client.get(id_).error for id_ in ids)


@pytest.mark.usefixtures("running")
def test_members_of_a_killed_process_come_again_together(client: SyncClient) -> None:
    ids = put(client, "deadly", 1, 2, 3)

    assert ended(client, ids) == [TaskState.COMPLETED] * 3
    assert [client.get(id_).result for id_ in ids] == [3, 3, 3]


def test_a_cancelled_member_is_told_apart_and_all_cancelled_stop_the_run(
    redis_url: str, client: SyncClient, running: Worker
) -> None:
    ids = put(client, "patient", 1, 2, 3)
    slow = put(client, "slow", 1, 2)
    both = [*ids, *slow]
    wait_until(lambda: all(client.get(i).state is TaskState.ACTIVE for i in both), "run", 20)

    with connect(as_operator(redis_url)) as admin:
        admin.move("cancel", [ids[1], *slow], by="ada@host")

    assert ended(client, both) == [TaskState.COMPLETED] * 3 + [TaskState.CANCELLED] * 2
    assert client.get(ids[0]).result == [False, True, False]


def test_a_worker_that_ends_hands_members_back_and_the_next_runs_them(
    redis_url: str, client: SyncClient, running: Worker
) -> None:
    ids = put(client, "slow", 1, 2, 3)
    wait_until(lambda: all(client.get(i).state is TaskState.ACTIVE for i in ids), "run", 20)

    stopping = threading.Thread(target=running.stop)
    stopping.start()
    running.process.send_signal(15)
    running.process.send_signal(15)
    stopping.join()

    views = [client.get(id_) for id_ in ids]
    assert {view.state for view in views} <= {TaskState.PENDING, TaskState.WAITING}
    assert [view.attempts for view in views] == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.usefixtures("running")
def test_a_process_that_is_stuck_in_a_group_is_killed_and_all_members_fail(
    client: SyncClient,
) -> None:
    tasks: list[Task[object]] = [Task("stuck", n, group="g", max_retry=0) for n in range(3)]
    ids = client.enqueue_many(tasks)

    assert ended(client, ids, 60) == [TaskState.DEAD] * 3
    assert all("E004" in client.get(id_).error for id_ in ids)
