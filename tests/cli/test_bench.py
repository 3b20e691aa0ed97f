"""`rediq bench` on a real server: figures that were measured, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import redis

CASES = {
    "enqueue": {"alone_per_s", "callers_50_per_s", "bulk_per_s"},
    "drain": {"tasks", "took_s", "tasks_per_s"},
    "latency": {"p50_ms", "p99_ms", "tasks"},
}


@pytest.mark.parametrize("case", CASES)
def test_it_measures_and_cleans_up(case: str, redis_url: str, redis_client: redis.Redis) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rediq_cli", "bench", case, "--tasks", "50", "--json"],
        env={**os.environ, "REDIQ_URL": redis_url},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    figures = json.loads(done.stdout)
    assert set(figures) == {"case", *CASES[case]}
    assert all(figures[name] > 0 for name in CASES[case])
    assert redis_client.hlen("rediq:{rediq-bench}:tasks") == 0
