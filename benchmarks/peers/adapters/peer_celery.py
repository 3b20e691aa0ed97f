"""Celery: results ignored, no events, no gossip or mingle, early acknowledgement (its default)."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery
from counting import HOLD_S, seen
from driver import CONCURRENCY, URL, Adapter, Producer, main

POOL = os.environ.get("BENCH_VARIANT", "threads")

app = Celery("peer_celery", broker=URL)
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=100,  # measured best for tasks that do nothing
    worker_send_task_events=False,
    task_send_sent_event=False,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task(name="noop", ignore_result=True)
def noop(payload: str) -> None:
    if seen(payload):
        time.sleep(HOLD_S)


@contextmanager
def producer() -> Iterator[Producer]:
    # One producer for all calls, as an application under load would hold it.
    with app.producer_pool.acquire(block=True) as channel:
        yield Producer(enqueue=lambda payload: noop.apply_async((payload,), producer=channel))


def worker() -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "-A", "peer_celery", "worker"),
        *("--pool", POOL, "--concurrency", str(CONCURRENCY), "--loglevel", "WARNING"),
        *("--without-gossip", "--without-mingle", "-n", f"bench-{os.getpid()}@localhost"),
    ]


if __name__ == "__main__":
    main(Adapter(worker=worker, blocking=producer))
