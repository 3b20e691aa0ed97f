"""An Admin under test, and queues on the same server that are driven verb by verb.

The rigs' clocks start at the server's, because an Admin reads the server's own. They say what the
queues hold; the tests say what an operator should see of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import redis

from rediq_core.admin import Admin, connect
from rediq_core.keys import global_key
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.task import Task
from rediq_core.model.views import WorkerView
from rediq_core.model.where import Where, parse_where
from rediq_core.scripts.call import Call, Space
from rediq_core.verbs.exchange import Settled
from rediq_core.verbs.presence import announce
from tests.support.rig import Rig, Worker, completed, died, failed, unknown_type

NAMESPACE = "t"
# Claims of one exchange.
CHUNK = 100


class Desk:
    """One Admin and its queues.

    Attributes:
        admin: What is tested.
        client: A plain client of the same server.
    """

    def __init__(self, url: str, client: redis.Redis, **options: Any) -> None:
        self.url = url
        self.client = client
        self.admin: Admin = connect(url, namespace=NAMESPACE, **options)
        self._rigs: dict[str, Rig] = {}

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.admin.close()
        for rig in self._rigs.values():
            rig.close()

    def server_ms(self) -> int:
        seconds, microseconds = self.client.time()
        return int(seconds * 1_000 + microseconds // 1_000)

    def queue(self, name: str) -> Rig:
        """Return the rig of a queue, which exists from then on."""
        if name not in self._rigs:
            rig = Rig(self.url, self.client, queue=name, namespace=NAMESPACE)
            rig.now_ms = self.server_ms()
            self._rigs[name] = rig
            self.client.sadd(global_key(NAMESPACE, "queues"), name)
        return self._rigs[name]

    # What is in the queues.

    def pending(self, queue: str, count: int, **options: Any) -> list[str]:
        rig, ids = self.queue(queue), []
        for start in range(0, count, 500):
            tasks: list[Task[object]] = [
                Task(options.get("type", "mail"), {"n": n}, queue=queue, **_without_type(options))
                for n in range(start, min(start + 500, count))
            ]
            ids += [str(id_) for id_ in rig.put(*tasks)]
        return ids

    def active(self, queue: str, count: int, *, by: str = "w-1-a#1") -> list[ClaimedTask]:
        self.pending(queue, count)
        return self.queue(queue).worker(by).claim(count)

    def dead(self, queue: str, count: int, **options: Any) -> list[str]:
        return self._settled(queue, count, died, options)

    def retry(self, queue: str, count: int, **options: Any) -> list[str]:
        return self._settled(queue, count, lambda task: failed(task, 3_600_000), options)

    def completed(self, queue: str, count: int, **options: Any) -> list[str]:
        return self._settled(queue, count, completed, options)

    def held(self, queue: str, count: int) -> list[str]:
        return self._settled(queue, count, unknown_type, {"type": "odd"})

    def suspects(self, queue: str, count: int) -> list[str]:
        rig, ids = self.queue(queue), self.pending(queue, count, priority=0)
        for loss in ("a", "b"):
            rig.worker(f"lost{loss}#1").claim(count)
            rig.reap(f"lost{loss}#1")
        assert rig.ids("suspects")[-count:] == ids
        return ids

    def _settled(self, queue: str, count: int, outcome: Any, options: dict[str, Any]) -> list[str]:
        rig = self.queue(queue)
        worker: Worker = rig.worker(f"seed-{queue}-{outcome.__name__}#1")
        worker.seq = self._next_seq()
        ids = self.pending(queue, count, priority=0, **options)
        settles: Sequence[Settled] = ()
        for start in range(0, count, CHUNK):
            reply = worker.exchange(min(CHUNK, count - start), settles)
            settles = [outcome(task) for task in reply.claimed]
        worker.settle(*settles, is_last=True)
        return ids

    def _next_seq(self) -> int:
        """A worker made anew under a known name must not seem to repeat an old request."""
        self._seq = getattr(self, "_seq", 0) + 1_000
        return int(self._seq)

    def send(self, call: Call[Any]) -> None:
        """Run a script past the Admin, which may be read-only."""
        raw = call.raw(is_legacy=True)
        self.client.eval(raw.body, len(raw.keys), *raw.keys, *raw.args)

    # Who works.

    def announce(self, worker: WorkerView, *, age_ms: int = 0) -> None:
        """Write a worker's row, as if it had beaten so long ago."""
        self.send(announce(Space(NAMESPACE, self.server_ms() - age_ms), worker))

    # What is seen.

    def everything(self) -> dict[bytes, object]:
        """Return all of Redis."""
        names = global_key(NAMESPACE, "queues").encode()
        rows: dict[bytes, object] = {names: self.client.smembers(names)}
        for key in sorted(set(self.client.keys()) - {names}):
            rows[key] = self._content(key)
        return rows

    def _content(self, key: bytes) -> object:
        kind = self.client.type(key)
        if kind == b"hash":
            return self.client.hgetall(key)
        if kind == b"zset":
            return self.client.zrange(key, 0, -1, withscores=True)
        return self.client.xrange(key) if kind == b"stream" else self.client.lrange(key, 0, -1)


def worker_row(worker_id: str = "w-1-a", **changes: Any) -> WorkerView:
    """Return a worker as it announces itself; its age is what the reading says."""
    row: dict[str, Any] = {
        "id": worker_id,
        "host": "w",
        "pid": 1,
        "supervisor_pid": 2,
        "state": "running",
        "queues": ("mail",),
        "types": ("mail",),
        "concurrency": 10,
        "busy": 1,
        "processed": 7,
        "failed": 2,
        "started_ms": 5,
        "beat_ms": 0,
        "beat_age_ms": 0,
        "supervisor": f"sup-of-{worker_id}",
    }
    return WorkerView(**{**row, **changes})


def where(text: str) -> Where:
    return parse_where(text.split())


def _without_type(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "type"}
