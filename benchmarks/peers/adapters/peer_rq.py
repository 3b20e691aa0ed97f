"""RQ with SimpleWorker (no fork per job, which is its fastest) and results dropped at once."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from counting import HOLD_S, seen
from driver import PORT, URL, Adapter, Producer, main
from redis import Redis
from rq import Queue


def noop(payload: str) -> None:
    if seen(payload):
        time.sleep(HOLD_S)


@contextmanager
def producer() -> Iterator[Producer]:
    queue = Queue("default", connection=Redis(port=PORT))

    def enqueue(payload: str) -> None:
        queue.enqueue("peer_rq.noop", payload, result_ttl=0, description="")

    def enqueue_many(payloads: Sequence[str]) -> None:
        queue.enqueue_many(
            [
                Queue.prepare_data("peer_rq.noop", (text,), result_ttl=0, description="")
                for text in payloads
            ]
        )

    yield Producer(enqueue=enqueue, enqueue_many=enqueue_many)


def worker() -> list[str]:
    return [
        *(sys.executable, "-m", "rq.cli", "worker", "default", "--url", URL, "--quiet"),
        *("--worker-class", "rq.worker.SimpleWorker", "--disable-job-desc-logging"),
    ]


if __name__ == "__main__":
    main(Adapter(worker=worker, blocking=producer))
