"""An operator's desk over queues of the shared server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.support.desk import Desk


@pytest.fixture
def desk(redis_url: str, redis_client: redis.Redis) -> Iterator[Desk]:
    """An Admin on the emptied server, and hands to fill its queues."""
    with Desk(redis_url, redis_client) as desk:
        yield desk
