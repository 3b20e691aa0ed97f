"""dramatiq: no result middleware, and no Prometheus exporter, which would slow it down."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq
from counting import HOLD_S, seen
from dramatiq.brokers.redis import RedisBroker
from driver import CONCURRENCY, PROCESSES, URL, Adapter, Producer, main

broker = RedisBroker(url=URL)
broker.middleware = [part for part in broker.middleware if type(part).__name__ != "Prometheus"]
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name="noop", time_limit=3_600_000)
def noop(payload: str) -> None:
    if seen(payload):
        time.sleep(HOLD_S)


@contextmanager
def producer() -> Iterator[Producer]:
    yield Producer(enqueue=noop.send)


def worker() -> list[str]:
    return [
        *(sys.executable, "-m", "dramatiq", "peer_dramatiq:broker"),
        *("--processes", str(PROCESSES), "--threads", str(CONCURRENCY)),
    ]


if __name__ == "__main__":
    main(Adapter(worker=worker, blocking=producer))
