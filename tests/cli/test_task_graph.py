"""`rediq task graph`: what a task waits for and what waits for it; and how they are added."""

from __future__ import annotations

import json

from rediq_core import SyncClient, Task
from rediq_core.model.state import TaskState
from tests.cli.conftest import Rediq
from tests.support.desk import NAMESPACE, Desk

NOBODY = "01KG7Q5ZC4M9X8W2T6R3PBVN1A"


def family(desk: Desk) -> dict[str, Task[object]]:
    """A diamond: pay and pack come before ship, all three after order; ship before mail."""
    order: Task[object] = Task("order", queue="orders")
    pay: Task[object] = Task("pay", queue="payment", depends_on=order)
    pack: Task[object] = Task("pack", queue="packing", depends_on=order)
    ship: Task[object] = Task("ship", queue="shipping", depends_on=[pay, pack])
    mail: Task[object] = Task("mail", queue="mail", depends_on=ship)
    for queue in ("orders", "payment", "packing", "shipping", "mail"):
        desk.queue(queue)
    with SyncClient(desk.url, namespace=NAMESPACE) as client:
        client.enqueue_many([order, pay, pack, ship, mail])
    return {task.type: task for task in (order, pay, pack, ship, mail)}


def test_the_graph_is_a_tree_with_states(rediq: Rediq, desk: Desk) -> None:
    tasks = family(desk)

    ended = rediq("task", "graph", tasks["order"].id)

    assert (ended.code, ended.err) == (0, "")
    shown = ended.out
    for name, task in tasks.items():
        shown = shown.replace(task.id, f"<{name}>")
    assert shown.splitlines() == [
        "○ pending  order  <order>  in orders  ◀",
        "├─ ◌ waiting  pack  <pack>  in packing",
        "│  └─ ◌ waiting  ship  <ship>  in shipping",
        "│     └─ ◌ waiting  mail  <mail>  in mail",
        "└─ ◌ waiting  pay  <pay>  in payment",
        "   └─ ◌ waiting  ship  <ship>  in shipping  (above)",
    ]


def test_the_graph_of_a_child_leaves_out_its_siblings(rediq: Rediq, desk: Desk) -> None:
    tasks = family(desk)

    ended = rediq("task", "graph", tasks["pay"].id[-8:], "-o", "ids")

    shown = {tasks[name].id for name in ("order", "pay", "ship", "mail")}
    assert set(ended.out.split()) == shown


def test_the_graph_as_json_has_the_edges_of_each_task(rediq: Rediq, desk: Desk) -> None:
    tasks = family(desk)

    graph = json.loads(rediq("task", "graph", tasks["ship"].id, "--json").out)

    assert graph["id"] == tasks["ship"].id
    assert graph["has_more"] is False
    by_type = {node["type"]: node for node in graph["tasks"]}
    assert by_type["ship"]["parents"] == [tasks["pay"].id, tasks["pack"].id]
    assert by_type["ship"]["children"] == [tasks["mail"].id]
    assert by_type["order"] == {
        "id": tasks["order"].id,
        "queue": "orders",
        "type": "order",
        "state": "pending",
        "progress": None,
        "parents": [],
        "children": [tasks["pay"].id, tasks["pack"].id],
    }


def test_a_parent_that_is_gone_is_named_so(rediq: Rediq, desk: Desk) -> None:
    tasks = family(desk)
    with SyncClient(desk.url, namespace=NAMESPACE) as client:
        client.cancel(tasks["mail"])
    desk.admin.move("delete", [tasks["order"].id], by="ada@host", hard=True)

    ended = rediq("task", "graph", tasks["mail"].id)

    assert f"{tasks['order'].id}  gone: no queue knows it" in ended.out


def test_the_graph_of_an_unknown_task_exits_3(rediq: Rediq, desk: Desk) -> None:
    ended = rediq("task", "graph", NOBODY)

    assert (ended.code, ended.out) == (3, "")


def test_a_task_is_added_behind_others(rediq: Rediq, desk: Desk) -> None:
    first, second = desk.pending("orders", 2)

    words = ["--queue", "mail", "--depends-on", first, "--depends-on", second[-9:], "-o", "ids"]
    ended = rediq("task", "enqueue", "mail:send", *words)

    view = desk.admin.task(ended.out.strip())
    assert (view.state, view.depends_on) == (TaskState.WAITING, (first, second))


def test_a_task_behind_an_unknown_one_is_refused(rediq: Rediq, desk: Desk) -> None:
    desk.queue("mail")

    ended = rediq("task", "enqueue", "mail:send", "--queue", "mail", "--depends-on", NOBODY)

    assert (ended.code, ended.out) == (3, "")
    assert desk.queue("mail").hash("tasks") == {}
