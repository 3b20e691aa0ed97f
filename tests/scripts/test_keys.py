"""Every script touches the keys it declares, of the types it expects, or changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import redis

from rediq_core.errors import SchemaMismatch
from rediq_core.keys import QUEUE_KEYS, redis_type
from rediq_core.scripts.loader import load, script_names
from tests.support.catalogue import Lively, calls
from tests.support.rig import Rig
from tests.support.servers import Cluster

CALLS = calls()
WRITERS = [name for name in CALLS if not load(name.split()[0]).is_read_only]
KEYS_OF_WRITERS = [
    (name, key) for name in WRITERS if " " not in name for key in load(name).keys
] + [("moves retry", key) for key in load("moves").keys]


def test_every_script_has_a_call_here() -> None:
    assert {name.split()[0] for name in CALLS} == set(script_names())


@pytest.mark.parametrize("name", CALLS)
def test_a_script_touches_no_key_of_another_queue_or_namespace(rig: Rig, name: str) -> None:
    queue = Lively(rig)
    call = CALLS[name](queue)
    others = {key for key in rig.dump() if key.decode() not in call.keys}
    before = {key: content for key, content in rig.dump().items() if key in others}

    rig.executor.run(call)

    created = set(rig.dump()) - others - {key.encode() for key in call.keys}
    assert created == set()
    assert {key: content for key, content in rig.dump().items() if key in others} == before


@pytest.fixture
def cluster_rig(cluster_server: Cluster, cluster_url: str) -> Iterator[Rig]:
    client: redis.Redis = cluster_server.masters[0].client()
    rig = Rig(cluster_url, client)
    yield rig
    rig.close()
    client.close()


@pytest.mark.cluster
@pytest.mark.parametrize("name", CALLS)
def test_a_cluster_that_refuses_undeclared_keys_takes_every_script(
    cluster_rig: Rig, name: str
) -> None:
    queue = Lively(cluster_rig)

    cluster_rig.executor.run(CALLS[name](queue))


@pytest.mark.parametrize(("name", "key"), KEYS_OF_WRITERS)
def test_a_key_of_a_wrong_type_stops_a_script_before_it_writes(
    rig: Rig, name: str, key: str
) -> None:
    queue = Lively(rig)
    call = CALLS[name](queue)
    wrong = call.keys[call.script.keys.index(key)]
    rig.client.delete(wrong)
    rig.client.set(wrong, "not ours")
    before = rig.dump()

    with pytest.raises(SchemaMismatch) as refused:
        rig.executor.run(call)

    assert refused.value.message.startswith(f"{wrong} is a string")
    assert rig.dump() == before


@pytest.mark.parametrize("name", [name for name in CALLS if name not in WRITERS])
def test_a_read_changes_nothing(rig: Rig, name: str) -> None:
    queue = Lively(rig)
    call = CALLS[name](queue)
    before = rig.dump()

    rig.executor.run(call)

    assert rig.dump() == before


def test_every_key_of_the_schema_has_a_type() -> None:
    assert {redis_type(name) for name in QUEUE_KEYS} == {"hash", "zset", "stream", "list"}
    with pytest.raises(KeyError):
        redis_type("nonsense")


def test_no_script_derives_a_key() -> None:
    for name in script_names():
        body = load(name).body
        calls_made = re.findall(r"redis\.call\(\s*([^,)]+)\s*,\s*([^,)]+)", body)
        derived = [
            key for _, key in calls_made if ".." in key or key.startswith(("'", '"', "ARGV"))
        ]

        assert derived == [], name
