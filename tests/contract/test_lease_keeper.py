"""The keeper tries several times a second; what keeps it from renewing it says once."""

from __future__ import annotations

import logging

import pytest
import redis

from rediq_core.keys import queue_key
from tests.support.duty import NAMESPACE, duty_desk


async def test_what_fails_again_and_again_is_said_once_and_its_end_too(
    redis_url: str, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="rediq.lease")
    in_the_way = queue_key(NAMESPACE, "mail", "policy")
    redis_client.set(in_the_way, "not ours")

    async with duty_desk(redis_url, ["mail", "sms"]) as desk:
        waits_s = [await desk.keeper.turn() for _ in range(3)]
        redis_client.delete(in_the_way)
        await desk.keeper.turn()
        await desk.keeper.turn()

    assert max(waits_s) < 1  # it goes on trying
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    said, over = (record.getMessage() for record in caplog.records)
    assert said.startswith("cannot renew leases of mail:")
    assert over == "leases of mail are renewed again"
