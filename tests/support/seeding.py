"""Fill queues with very many tasks: written as the scripts would write them, without the scripts.

For tests of what many tasks cost. What a few tasks of every kind look like is the business of
`tests.support.desk`, which plays producers and workers instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import redis

from rediq_core.keys import global_key, queue_key
from rediq_core.model.header import header_tail
from rediq_core.model.ids import new_id
from rediq_core.model.task import Task

STEP = 10**13
CHUNK = 5_000


def seed(
    client: redis.Redis,
    namespace: str,
    queue: str,
    state: str,
    count: int,
    *,
    at_ms: int,
    payload: Callable[[int], bytes] = lambda n: b'{"n":%d}' % n,
    causes: Sequence[str] = (),
    is_listed: bool = True,
) -> list[str]:
    """Put tasks into one state of a queue, in turn for each of the causes; returns their ids.

    The list of queues has a slot of its own: on a Cluster's node, `is_listed=False` leaves it.
    """
    tail = header_tail(Task("mail", queue=queue), b"")
    head = b"1|50|%d|0|" % at_ms + tail
    score = at_ms + 50 * STEP if state == "pending" else at_ms
    ids = [new_id(queue) for _ in range(count)]
    tasks, place = (queue_key(namespace, queue, name) for name in ("tasks", state))
    if is_listed:
        client.sadd(global_key(namespace, "queues"), queue)
    client.hset(queue_key(namespace, queue, "policy"), "registered", "1")
    numbered = iter(enumerate(ids))
    while chunk := list(islice(numbered, CHUNK)):
        pipe = client.pipeline(transaction=False)
        pipe.hset(tasks, mapping={task_id: head + payload(n) for n, task_id in chunk})
        pipe.zadd(place, {task_id: score for _, task_id in chunk})
        if causes:
            _fail(pipe, namespace, queue, [(id_, causes[n % len(causes)]) for n, id_ in chunk])
        pipe.execute()
    for cause in causes:
        prints = {
            cause: f"ValueError: {cause}",
            f"{cause}>first": at_ms - 1,
            f"{cause}>last": at_ms,
        }
        seen = {f"{cause}>count": count // len(causes)}
        client.hset(queue_key(namespace, queue, "prints"), mapping={**prints, **seen})
    return ids


def _fail(
    pipe: redis.client.Pipeline, namespace: str, queue: str, caused: Sequence[tuple[str, str]]
) -> None:
    pipe.hset(queue_key(namespace, queue, "causes"), mapping=dict(caused))
    pipe.zadd(queue_key(namespace, queue, "errors"), {f"{c}>{id_}": 0 for id_, c in caused})
    line = '{"o":"dead","a":1,"k":"w#1:1","c":1,"w":0,"d":3,"e":"ValueError","m":"%s","p":"%s"}\n'
    pipe.hset(
        queue_key(namespace, queue, "runs"), mapping={id_: line % (c, c) for id_, c in caused}
    )
