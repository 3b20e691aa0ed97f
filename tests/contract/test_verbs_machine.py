"""The verbs agree with a Python model of the whole key space, step by step.

Hypothesis plays `tests.support.machine` and shrinks what goes wrong to the shortest story.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.support.machine import QueueMachine
from tests.support.playing import play
from tests.support.rig import Rig
from tests.support.servers import Cluster


@pytest.fixture
def rig(redis_url: str, redis_client: redis.Redis) -> Iterator[Rig]:
    rig = Rig(redis_url, redis_client)
    yield rig
    rig.close()


@pytest.fixture
def cluster_rig(cluster_server: Cluster, cluster_url: str) -> Iterator[Rig]:
    client = cluster_server.masters[0].client()
    rig = Rig(cluster_url, client)
    yield rig
    rig.close()
    client.close()


def test_the_verbs_agree_with_the_model(rig: Rig) -> None:
    play(QueueMachine, rig, stories=100, steps=60)


@pytest.mark.cluster
def test_the_verbs_agree_with_the_model_on_a_cluster(cluster_rig: Rig) -> None:
    play(QueueMachine, cluster_rig, stories=25, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_verbs_agree_with_the_model_over_many_stories(rig: Rig) -> None:
    play(QueueMachine, rig, stories=400, steps=80)
