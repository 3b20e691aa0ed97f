"""A server that may evict keys is told of at the start of a worker."""

from __future__ import annotations

import pytest

from tests.support.figures import figure
from tests.support.servers import standalone
from tests.support.waiting import wait_until
from tests.support.workers import worker


@pytest.mark.parametrize(
    ("policy", "level"), [("allkeys-lru", "error"), ("volatile-ttl", "warning")]
)
def test_a_worker_says_at_its_start_that_its_server_may_evict(policy: str, level: str) -> None:
    with (
        standalone(extra_args=["--maxmemory-policy", policy]) as server,
        worker(server.url) as running,
    ):
        wait_until(lambda: f"maxmemory-policy is {policy}" in running.log, "said", 20)
        said = next(line for line in running.log.splitlines() if policy in line)
        wait_until(lambda: "is ready" in running.log, "it works all the same", 20)

    missed = int(f'"level": "{level}"' not in said)
    figure("R8", f"{policy}: starts that did not say it", missed, "starts", at_most=0)
