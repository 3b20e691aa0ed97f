"""Calls of the scripts of dependencies for `tests.support.catalogue`, on its lively queue.

Each seeds what it needs beside what the queue has already, and does everything its script can do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rediq_core.model.task import Task
from rediq_core.scripts.call import Call
from rediq_core.verbs.dependencies import Edge, News, read_waits, register, take_edges, tell
from tests.support.rig import Rig

if TYPE_CHECKING:
    from tests.support.catalogue import Lively


def family_calls() -> dict[str, Callable[[Lively], Call[Any]]]:
    """Return by name what builds each call; the name's first word is the script."""
    return {
        "register": _register,
        "edges": lambda q: _edges(q, ""),
        "edges revive": lambda q: _edges(q, ">"),
        "deliver": _deliver,
        "waits": _waits,
    }


def seed_children(rig: Rig) -> None:
    """Children that wait for one and for two parents, died of one, or wait for nothing known."""
    rig.enqueue(
        Task("mail", id="kid1", depends_on="p1", unique_key="k-kid1"),
        Task("mail", id="kid2", depends_on=["p1", "p2"]),
        Task("mail", id="kid3", depends_on="p2", expires_in="5s"),
        Task("mail", id="kid4", depends_on="p2", delay="1h", on_dependency_failure="run"),
        Task("mail", id="kid5", depends_on="p3", on_dependency_failure="cancel"),
        Task("mail", id="kid6", depends_on="p3", unique_key="k-kid6"),
        Task("mail", id="kid7", depends_on="p1"),
    )
    rig.executor.run(
        tell(rig.space, rig.queue, [_news("kid6", "p3", b"d|mail|")], minute=rig.minute)
    )
    rig.client.zrem(rig.key("needs"), "kid7>p1")
    edges = {f"{kid}>other/c1": 0 for kid in ("kid1", "kid5", "kid6")} | {">kid6>other/c2": 0}
    rig.client.zadd(rig.key("dependents"), edges)


def _news(child: str, parent: str, outcome: bytes) -> News:
    return News("o", Edge(parent, "q", child), outcome)


def _register(q: Lively) -> Call[Any]:
    parents = ["pending", "completed", "dead", "cancelled", "trash", "live0", "held", "nope"]
    edges = [Edge(parent, "other", "child") for parent in parents]
    return register(q.rig.space, q.rig.queue, edges)


def _edges(q: Lively, kind: str) -> Call[Any]:
    parent = "completed"
    children = [f"c{number}" for number in range(6)]
    rows = {f"{kind}{parent}>other/{child}": 0 for child in children}
    q.rig.client.zadd(q.rig.key("dependents"), {**rows, f"{parent}>other/told": 0})
    q.rig.client.zadd(q.rig.key("outbox"), {parent: 1})
    told = [("t", Edge(parent, "other", "told")), ("v", Edge(parent, "other", "c0"))]
    told += [("b", Edge(parent, "other", "c1")), ("u", Edge(parent, "other", "c2"))]
    return take_edges(q.rig.space, q.rig.queue, parent, told)


def _deliver(q: Lively) -> Call[Any]:
    seed_children(q.rig)
    news = [
        _news("kid1", "p1", b"d|mail|"),
        _news("kid2", "p1", b'c|mail|{"n":7}'),
        _news("kid2", "p2", b"c|mail|"),
        _news("kid3", "p2", b"c|mail|"),
        _news("kid4", "p2", b"x|mail|"),
        _news("kid5", "p3", b"d|mail|"),
        _news("not-yet", "p1", b"c|mail|"),
        _news("pending", "p1", b"c|mail|"),
        News("r", Edge("p3", "q", "kid6"), b""),
        News("j", Edge("", "q", "kid7"), b""),
    ]
    return tell(q.rig.space, q.rig.queue, news, minute=q.rig.minute)


def _waits(q: Lively) -> Call[Any]:
    """More waiting tasks than one part holds, and the end of a parent that is too old."""
    seed_children(q.rig)
    q.rig.executor.run(
        tell(q.rig.space, q.rig.queue, [_news("never", "p9", b"c|mail|")], minute=q.rig.minute)
    )
    q.rig.advance(700_000)
    return read_waits(q.rig.space, q.rig.queue, limit=3)
