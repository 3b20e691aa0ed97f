"""A queue on the shared server for every test of a script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.support.rig import Rig


@pytest.fixture
def rig(redis_url: str, redis_client: redis.Redis) -> Iterator[Rig]:
    rig = Rig(redis_url, redis_client)
    yield rig
    rig.close()
