"""huey: a blocking pop, no result store, no scheduler for periodic tasks."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from counting import HOLD_S, seen
from driver import CONCURRENCY, PORT, Adapter, Producer, main
from huey import RedisHuey

huey = RedisHuey("bench", host="127.0.0.1", port=PORT, results=False, blocking=True)


@huey.task(name="noop")
def noop(payload: str) -> None:
    if seen(payload):
        time.sleep(HOLD_S)


@contextmanager
def producer() -> Iterator[Producer]:
    yield Producer(enqueue=noop)


def worker() -> list[str]:
    return [
        *(sys.executable, "-m", "huey.bin.huey_consumer", "peer_huey.huey"),
        *("--worker-type", "thread", "--workers", str(CONCURRENCY), "--no-periodic", "--quiet"),
    ]


if __name__ == "__main__":
    # huey names a task by its module, so the producer must not be `__main__`.
    import peer_huey

    main(Adapter(worker=peer_huey.worker, blocking=peer_huey.producer))
