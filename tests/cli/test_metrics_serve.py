"""`rediq metrics --serve`: the numbers of all queues over HTTP, without a worker."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from rediq_core import SyncClient, Task
from tests.support.cli import PROGRAM, ROOT, clean_environment
from tests.support.scraping import Scrape, fetch
from tests.support.servers import standalone
from tests.support.waiting import wait_until


def test_it_serves_until_it_is_stopped_and_says_when_redis_is_away() -> None:
    with standalone() as server, SyncClient(server.url) as client:
        client.enqueue_many([Task("mail", queue="mail") for _ in range(30)])
        serving = subprocess.Popen(
            [*PROGRAM, "metrics", "--serve", "--port", "0", "--url", server.url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            cwd=ROOT,
            text=True,
        )
        try:
            assert serving.stderr is not None
            told = re.search(r"http://127\.0\.0\.1:\d+", serving.stderr.readline())
            assert told is not None
            base = told[0]
            scrape, health = Scrape(base), fetch(f"{base}/health").json
            scale = fetch(f"{base}/scale?target=10").json

            server.pause()  # answers nothing, refuses nothing
            with ThreadPoolExecutor(4) as askers:
                unheard = list(askers.map(Scrape, [base] * 4))
            server.resume()
            wait_until(lambda: fetch(f"{base}/health").status == 200, "healthy again")
            server.kill()
            with ThreadPoolExecutor(4) as askers:
                refused = list(askers.map(Scrape, [base] * 4))
            sick, live = fetch(f"{base}/health"), fetch(f"{base}/health/live")
        finally:
            serving.terminate()
            serving.communicate(timeout=10)

    assert scrape.of("rediq_queue_pending") == [({"queue": "mail"}, 30)]
    assert health == {"status": "ok", "redis_connected": True, "queues": ["mail"]}
    # Nobody works: a second a run, 30 s of work in 10 s, and 10 slots a process.
    assert (scale["backlog"], scale["wanted_processes"]) == (30, 1)
    for blind in (*unheard, *refused):
        assert blind.sum("rediq_redis_connected") == 0
        assert blind.of("rediq_queue_pending") == []
    assert (sick.status, live.status) == (503, 200)
