"""One queue on a real server, driven verb by verb with a clock that only the test moves.

It seeds states, plays workers and operators, and compares all of Redis before and after. It knows
how to call verbs and nothing of what they should do: that is what the tests say.

Example:
    rig.enqueue(Task("mail"))
    worker = rig.worker()
    (mail,) = worker.claim(1)
    assert worker.settle(completed(mail)).codes == b"1"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import redis

from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import RediqError
from rediq_core.keys import minute_of, queue_key
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.header import escape_key
from rediq_core.model.task import Task
from rediq_core.model.views import QueueView, TaskView
from rediq_core.scripts.call import Space
from rediq_core.scripts.executor import SyncExecutor
from rediq_core.verbs.enqueue import (
    EnqueueReply,
    EnqueueStatus,
    encode_task,
    enqueue,
    enqueue_plain,
    is_plain,
    outcomes,
)
from rediq_core.verbs.exchange import Asker, ExchangeReply, Retention, Settled, exchange
from rediq_core.verbs.inspect import read_queue, read_tasks
from rediq_core.verbs.lease import Reaped, Renewed, reap, renew
from rediq_core.verbs.moves import Act, Moved, MoveVerb, move, pause, resume

START_MS = 1_800_000_000_000
LEASE_MS = 10_000
DAY_MS = 86_400_000
RETENTION = Retention(DAY_MS, 10_000, 90 * DAY_MS, 100_000, 60_000)
# Every zset a task can be in; it is in exactly one of them.
PLACES = (
    *("pending", "suspects", "held", "active", "delayed", "retry", "waiting"),
    *("completed", "cancelled", "dead", "trash"),
)


class Rig:
    """One queue and its clock; closed by its fixture.

    Attributes:
        client: A plain client of the same server, for looking and for planting faults.
        executor: What runs the verbs.
        now_ms: What the scripts take as now.
    """

    def __init__(
        self, url: str, client: redis.Redis, *, queue: str = "q", namespace: str = "t"
    ) -> None:
        self.client = client
        self.executor = SyncExecutor(SyncLink(parse_url(url)))
        self.namespace = namespace
        self.queue = queue
        self.now_ms = START_MS

    def close(self) -> None:
        self.executor.link.close()

    @property
    def space(self) -> Space:
        return Space(self.namespace, self.now_ms)

    @property
    def minute(self) -> int:
        return minute_of(self.now_ms)

    def advance(self, ms: int) -> None:
        self.now_ms += ms

    def key(self, name: str) -> str:
        if name == "minute":
            name = f"minute:{self.minute}"
        return queue_key(self.namespace, self.queue, name)

    # What producers do.

    def enqueue(self, *tasks: Task[object], unmet: Sequence[str] = ()) -> EnqueueReply:
        """Take tasks as clients do, registering the queue."""
        if unmet:
            tasks = tuple(task.copy(id=task.id, depends_on=unmet) for task in tasks)
        encoded = [encode_task(task) for task in tasks]
        if is_plain(encoded):
            plain = enqueue_plain(self.space, self.queue, encoded, minute=self.minute)
            reply = self.executor.run(plain)
            if reply.status is EnqueueStatus.DONE:
                return reply
        call = enqueue(self.space, self.queue, encoded, minute=self.minute, is_registering=True)
        return self.executor.run(call)

    def put(self, *tasks: Task[object]) -> list[str | RediqError]:
        """Take tasks in one call; for each its id, its owner's id, or its error."""
        return outcomes(tasks, self.enqueue(*tasks))

    # What workers do.

    def worker(
        self,
        incarnation: str = "w#1",
        *,
        lease_ms: int = LEASE_MS,
        retention: Retention = RETENTION,
    ) -> Worker:
        return Worker(self, incarnation, lease_ms, retention)

    def renew(self, *incarnations: str, lease_ms: int = LEASE_MS) -> Renewed:
        return self.executor.run(renew(self.space, self.queue, incarnations, lease_ms=lease_ms))

    def reap(
        self,
        *dead: str,
        start: int = 0,
        lease_ms: int = LEASE_MS,
        is_charged: bool = True,
    ) -> Reaped:
        call = reap(
            self.space,
            self.queue,
            lease_ms=lease_ms,
            minute=self.minute,
            start=start,
            dead=dead,
            is_charged=is_charged,
        )
        return self.executor.run(call)

    def expire_leases(self) -> Reaped:
        """Let every lease run out while the queue is seen to be alive, then reap."""
        for _ in range(4):
            self.advance(LEASE_MS // 3)
            self.renew()
        return self.reap()

    # What operators do.

    def move(self, verb: MoveVerb, *ids: str, **options: Any) -> Moved:
        act = Act(verb, **{"by": "ada@host", **options})
        return self.executor.run(move(self.space, self.queue, act, ids, minute=self.minute))

    def pause(self, *, by: str = "ada@host", reason: str = "", until_ms: int = 0) -> bool:
        call = pause(self.space, self.queue, by=by, reason=reason, until_ms=until_ms)
        return self.executor.run(call)

    def resume(self, *, by: str = "ada@host") -> bool:
        return self.executor.run(resume(self.space, self.queue, by=by))

    def set_policy(self, **fields: str | int) -> None:
        """Write policy fields as the limit verb of a later floor does."""
        self.client.hset(self.key("policy"), mapping=dict(fields))

    # What is seen.

    def view(self) -> QueueView:
        return self.executor.run(read_queue(self.space, self.queue, minute=self.minute))

    def task(self, task_id: str) -> TaskView:
        (view,) = self.executor.run(read_tasks(self.space, self.queue, [task_id]))
        assert view is not None, f"{task_id} is not known"
        return view

    def ids(self, zset: str) -> list[str]:
        """Return the members of a zset in order."""
        members: list[bytes] = self.client.zrange(self.key(zset), 0, -1)
        return [member.decode() for member in members]

    def scores(self, zset: str) -> dict[str, float]:
        rows = self.client.zrange(self.key(zset), 0, -1, withscores=True)
        return {member.decode(): score for member, score in rows}

    def hash(self, name: str) -> dict[str, str]:
        return text_of(self.client.hgetall(self.key(name)))

    def places(self, task_id: str) -> list[str]:
        """Return every zset a task is in: one, if all is well."""
        return [
            zset
            for zset in PLACES
            if any(member.rpartition(">")[2] == task_id for member in self.ids(zset))
        ]

    def take_wake(self) -> int:
        """Return how many wake markers there are, and remove them."""
        count = int(self.client.llen(self.key("wake")))
        self.client.delete(self.key("wake"))
        return count

    def dump(self) -> dict[bytes, object]:
        """Return all of Redis, for a comparison value by value, byte by byte.

        Not by DUMP: a hash that Redis is rehashing changes its order when it is read.
        """
        return {key: self._content(key) for key in sorted(self.client.keys())}

    def _content(self, key: bytes) -> object:
        kind = self.client.type(key)
        if kind == b"hash":
            return self.client.hgetall(key)
        if kind == b"zset":
            return self.client.zrange(key, 0, -1, withscores=True)
        if kind == b"stream":
            return self.client.xrange(key)
        if kind == b"list":
            return self.client.lrange(key, 0, -1)
        return self.client.get(key)


class Worker:
    """One incarnation, as a worker's consumer would drive it."""

    def __init__(self, rig: Rig, incarnation: str, lease_ms: int, retention: Retention) -> None:
        self.rig = rig
        self.incarnation = incarnation
        self.seq = 0
        self.holds: set[str] = set()
        self._lease_ms = lease_ms
        self._retention = retention

    @property
    def asker(self) -> Asker:
        rig = self.rig
        return Asker(rig.space, rig.queue, self.incarnation, self._lease_ms, self._retention)

    def exchange(
        self, want: int = 0, settles: Sequence[Settled] = (), **options: Any
    ) -> ExchangeReply:
        """Send a new request; its lease begins with a claim made while it holds nothing."""
        self.seq += 1
        options.setdefault("is_first", not self.holds)
        reply = self.again(want, settles, **options)
        self.holds -= {settled.id for settled in settles}
        self.holds |= {task.id for task in reply.claimed}
        return reply

    def again(
        self, want: int = 0, settles: Sequence[Settled] = (), **options: Any
    ) -> ExchangeReply:
        """Send the last request once more, or with `seq` an older one."""
        seq = options.pop("seq", self.seq)
        call = exchange(self.asker, seq, want, settles, minute=self.rig.minute, **options)
        return self.rig.executor.run(call)

    def claim(self, want: int = 1, **options: Any) -> list[ClaimedTask]:
        return self.exchange(want, **options).claimed

    def settle(self, *settles: Settled, **options: Any) -> ExchangeReply:
        return self.exchange(0, settles, **options)


def text_of(raw: dict[bytes, bytes]) -> dict[str, str]:
    return {field.decode(): value.decode("utf-8", "replace") for field, value in raw.items()}


def ids_of(tasks: Iterable[ClaimedTask]) -> list[str]:
    return [task.id for task in tasks]


def line_of(task: ClaimedTask, kind: str, more: str = "") -> str:
    """Return a timeline line as the worker writes it; it holds the token."""
    run = f'"a":{task.attempt},"k":"{task.token}","c":{task.claimed_ms},"w":0,"d":3'
    return f'{{"o":"{kind}",{run}{more}}}\n'


def settled(
    task: ClaimedTask, target: str, kind: str, *, tries: str = "", failure: str = "", more: str = ""
) -> Settled:
    line = line_of(task, kind, more)
    return Settled(task.id, task.token, target, line, tries, failure, escape_key(task.unique_key))


def completed(task: ClaimedTask, *, keep_ms: int = 0, result: str = "") -> Settled:
    tries = f"{task.attempt}|0" if task.attempt > 1 else ""
    more = f',"r":{result}' if result else ""
    return settled(task, f"c{keep_ms or ''}", "completed", tries=tries, more=more)


def failed(
    task: ClaimedTask, delay_ms: int = 2_000, *, failure: str = "f1|ValueError: no"
) -> Settled:
    more = ',"e":"ValueError","m":"no","p":"f1"'
    tries = f"{task.attempt}|0"
    return settled(task, f"r{delay_ms}", "retry", tries=tries, failure=failure, more=more)


def died(task: ClaimedTask, *, keep_ms: int = 0, failure: str = "f1|ValueError: no") -> Settled:
    tries = f"{task.attempt}|0"
    return settled(task, f"d{keep_ms or ''}", "dead", tries=tries, failure=failure)


def snoozed(task: ClaimedTask, delay_ms: int = 1_000) -> Settled:
    return settled(task, f"s{delay_ms}", "snoozed", tries=_handed_back(task))


def released(task: ClaimedTask) -> Settled:
    return settled(task, "p", "released", tries=_handed_back(task))


def unknown_type(task: ClaimedTask) -> Settled:
    return settled(task, "h", "held", tries=_handed_back(task))


def _handed_back(task: ClaimedTask) -> str:
    attempts = task.attempt - 1
    return f"{attempts}|{task.losses}" if attempts or task.losses else ""
