"""The order system with real processes: API, workers, kill -9 in the middle, and clean books."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from order_system.ledger import Ledger
from order_system.rules import broken_rules
from order_system.scenario import Plan, Scenario

from rediq_core import Client
from rediq_core.admin import Admin, connect
from tests.support.guarded import as_operator
from tests.support.process import free_port
from tests.support.waiting import await_until, wait_until
from tests.support.workers import Worker

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIG = EXAMPLES / "order_system.toml"
# Long enough for what a killed worker held to come back, and to be paid, before an order times out.
TIMEOUT_S = 30


@pytest.fixture
def books(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    path = tmp_path / "orders.sqlite3"
    for name, value in {
        "REDIQ_URL": redis_url,
        "ORDER_LEDGER": str(path),
        "ORDER_TIMEOUT_HOURS": str(TIMEOUT_S / 3_600),
        "PAYMENT_RETRY_SECONDS": "1",
        "SMS_RATE_LIMIT": "600",
        "METRICS_ENABLED": "false",
        "REDIQ_WORKER_LEASE": "3s",
    }.items():
        monkeypatch.setenv(name, value)
    return redis_url, path


def order_worker(url: str) -> Worker:
    start = ("rediq_cli", "worker", "start", "-c", str(CONFIG), "--concurrency", "8")
    return Worker(url, program=start)


@contextlib.contextmanager
def api_process() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "order_system.api"],
        env={
            **os.environ,
            "SERVICE_PORT": str(port),
            "PYTHONPATH": f"{EXAMPLES.parent}:{EXAMPLES}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "the API ended"
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"{url}/health").is_success
        return False

    try:
        wait_until(answers, "the API answers", 20)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def kill_hard(worker: Worker) -> None:
    """Kill a worker with all its processes, so that nobody takes back what they ran."""
    children = worker.children()
    worker.process.kill()
    worker.process.wait()
    for pid in children:
        os.kill(pid, signal.SIGKILL)


async def replaced(worker: Worker) -> None:
    """Kill its task process, and wait until it has another one."""
    (pid,) = await await_until(worker.children, "it has a task process")
    os.kill(pid, signal.SIGKILL)
    await await_until(lambda: worker.children() not in ([], [pid]), "it has another")


def recovered(admin: Admin) -> list[str]:
    return [worker.note for worker in admin.workers() if "recovered" in worker.note]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_books_stay_clean_while_workers_are_killed(books: tuple[str, Path]) -> None:
    url, path = books
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(Ledger(path))
        admin = stack.enter_context(connect(as_operator(url)))
        api = stack.enter_context(api_process())
        workers = [order_worker(url) for _ in range(2)]
        stack.callback(lambda: [worker.close() for worker in workers])

        async def kill(pid: int) -> None:
            (victim,) = [worker for worker in workers if pid in worker.children()]
            kill_hard(victim)
            workers.append(order_worker(url))
            (other,) = [worker for worker in workers[:2] if worker is not victim]
            for _ in range(2):
                await replaced(other)

        async with Client(url) as client, httpx2.AsyncClient(base_url=api, timeout=30) as http:
            scenario = Scenario(
                http, client, admin, ledger, Plan(orders=120, imported=60), disturb=kill
            )
            rows = await asyncio.wait_for(scenario.run(), 150)

        assert broken_rules(ledger) == []
        assert [row for row in rows if not row.is_right] == []
        # The kills hit something: what they ran was taken back.
        assert recovered(admin) != []


@pytest.mark.slow
async def test_without_a_limit_the_scenario_sees_too_many_messages(
    books: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMS_RATE_LIMIT", "60000")
    url, path = books
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(Ledger(path))
        admin = stack.enter_context(connect(as_operator(url)))
        api = stack.enter_context(api_process())
        stack.enter_context(contextlib.closing(order_worker(url)))
        async with Client(url) as client, httpx2.AsyncClient(base_url=api, timeout=30) as http:
            plan = Plan(orders=100, imported=40, unpaid=0, racing=0)
            rows = await Scenario(http, client, admin, ledger, plan).run()

    assert [row.what for row in rows if not row.is_right] == ["messages under the rate"]
