"""The printed ACL rules are enough for each role, and keep it from the deeds of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import redis

from rediq_core.admin import Admin, Role, acl_rules, connect, sentinel_rule
from rediq_core.admin.acl import PASSWORD, commands_for, scripts_of
from rediq_core.client import Client, SyncClient
from rediq_core.errors import RediqError, Refused
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.where import parse_where
from rediq_core.scripts.commands import commands_of
from rediq_core.scripts.loader import load, script_names
from tests.support.desk import NAMESPACE, Desk
from tests.support.rig import completed
from tests.support.servers import Server, standalone
from tests.support.waiting import wait_until
from tests.support.workers import worker

SECRET = "s3cret-for-tests"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """A server with the four users, for two namespaces: the desk's and a worker's."""
    with standalone() as server, closing(server.client()) as client:
        for namespace in (NAMESPACE, "rediq"):
            for rule in acl_rules(namespace):
                client.execute_command(*rule.command.replace(PASSWORD, SECRET).split())
        yield server


@pytest.fixture
def root(guarded: Server) -> Iterator[redis.Redis]:
    with closing(guarded.client()) as client:
        client.flushall()
        yield client


def url_of(server: Server, role: Role, namespace: str = NAMESPACE) -> str:
    return server.url.replace("unix://", f"unix://{namespace}-{role}:{SECRET}@", 1)


@pytest.fixture
def desk(guarded: Server, root: redis.Redis) -> Iterator[Desk]:
    """A desk that may do everything, to fill queues and to look at them."""
    with Desk(guarded.url, root) as desk:
        yield desk


@pytest.fixture
def onlooker(guarded: Server, desk: Desk) -> Iterator[Admin]:
    with connect(url_of(guarded, Role.READONLY), namespace=NAMESPACE) as admin:
        yield admin


def test_a_worker_runs_tasks_and_beats(guarded: Server, root: redis.Redis) -> None:
    assert root.dbsize() == 0
    with worker(url_of(guarded, Role.WORKER, "rediq"), "--queues", "default") as running:
        with connect(guarded.url, namespace="rediq") as admin:
            wait_until(lambda: len(admin.workers()) > 0, "the worker announces itself")
            task_id = send(guarded)
            wait_until(
                lambda: admin.task(task_id).state is TaskState.COMPLETED, "the task has completed"
            )
        code, log = running.stop(), running.log

    assert code == 0, log
    assert "denies this user" not in log


def send(server: Server) -> str:
    """Enqueue as a producer, blocking; the worker knows this type."""
    with SyncClient(url_of(server, Role.PRODUCER, "rediq"), namespace="rediq") as client:
        return client.enqueue(Task("sleep", 0))


async def test_a_producer_enqueues_depends_waits_and_cancels(guarded: Server, desk: Desk) -> None:
    async with Client(url_of(guarded, Role.PRODUCER), namespace=NAMESPACE) as client:
        parent: Task[object] = Task("mail", queue="mail")
        child: Task[object] = Task("mail", queue="other", depends_on=parent)
        await client.enqueue(parent)
        await client.enqueue(child)
        await client.enqueue_many([Task("mail", queue="mail", unique_key=str(n)) for n in range(3)])
        for task in desk.queue("mail").worker().claim(1):
            desk.queue("mail").worker("w#2").settle(completed(task))
        assert (await client.get(child.id)).state is TaskState.WAITING
        await client.cancel(child)
        assert (await client.get(child.id)).state is TaskState.CANCELLED


def test_an_operator_does_everything_to_tasks_and_queues(guarded: Server, desk: Desk) -> None:
    dead = desk.dead("mail", 3)
    desk.pending("mail", 2)
    with connect(url_of(guarded, Role.OPERATOR), namespace=NAMESPACE) as admin:
        admin.pause("mail", "ada@host")
        admin.resume("mail", "ada@host")
        admin.move("retry", [dead[0]], by="ada@host")
        admin.move("delete", [dead[1]], by="ada@host")
        admin.move("restore", [dead[1]], by="ada@host")
        admin.flush(parse_where(["dead:mail"]), by="ada@host", hard=True)
        desk.client.zadd(desk.queue("mail").key("retry"), {"ghost": 1})
        checkup = admin.doctor(by="ada@host")
        assert "orphan_ids" in {finding.check for finding in checkup.fixed}
        assert admin.why("mail").reasons
        reader = admin.events(parse_where(["all"]))
        assert reader.keep_tracing()
        assert reader.latest(5)


def test_an_onlooker_sees_everything(desk: Desk, onlooker: Admin) -> None:
    (dead,) = desk.dead("mail", 1)
    desk.pending("mail", 2)

    assert [queue.name for queue in onlooker.queues()] == ["mail"]
    assert onlooker.task(dead[-8:]).id == dead
    assert onlooker.select(parse_where(["all"])).total == 3
    assert onlooker.workers() == []
    assert onlooker.why(dead).reasons
    assert onlooker.why("mail").reasons
    assert onlooker.events(parse_where(["all"])).latest(5)
    assert onlooker.doctor().queues == 1


DEEDS: dict[str, Callable[[Admin], object]] = {
    "pause": lambda admin: admin.pause("mail", "ada@host"),
    "resume": lambda admin: admin.resume("mail", "ada@host"),
    "retry": lambda admin: admin.move("retry", parse_where(["dead:mail"]), by="ada@host"),
    "delete": lambda admin: admin.move("delete", parse_where(["dead:mail"]), by="ada@host"),
    "flush": lambda admin: admin.flush(parse_where(["dead:mail"]), by="ada@host"),
    "repair": lambda admin: admin.doctor(by="ada@host"),
    "trace": lambda admin: admin.events(parse_where(["mail"])).keep_tracing(),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_an_onlooker_changes_nothing_and_is_told_what_is_denied(
    deed: str, desk: Desk, onlooker: Admin
) -> None:
    desk.dead("mail", 1)
    desk.client.zadd(desk.queue("mail").key("retry"), {"ghost": 1})
    before = desk.everything()

    with pytest.raises(Refused) as refused:
        DEEDS[deed](onlooker)

    assert "denies this user" in refused.value.message
    assert desk.everything() == before
    said = f"{refused.value.message} {refused.value.cause}"
    assert any(word in said for word in ("hset", "HSET", "XADD", "zadd", "ZADD"))
    assert refused.value.next_step == "See what each kind of user needs: rediq config acl"


@pytest.mark.parametrize("role", Role)
def test_no_role_reads_other_keys_settings_or_passwords(role: Role, guarded: Server) -> None:
    with closing(guarded.client()) as root:
        root.set("someone-elses", "secret")
    link = connect(url_of(guarded, role), namespace=NAMESPACE).access.executor.link

    for command in (
        ("GET", "someone-elses"),
        ("CONFIG", "GET", "requirepass"),
        ("KEYS", "*"),
        ("FLUSHALL",),
        ("ACL", "LIST"),
        ("EVAL", "return redis.call('GET', KEYS[1])", 1, "someone-elses"),
        ("EVAL", "return redis.call('FLUSHALL')", 0),
    ):
        with pytest.raises(RediqError):
            link.command(*command)
    link.close()


def test_roles_differ_in_what_they_may_do() -> None:
    reading, producing = set(commands_for(Role.READONLY)), set(commands_for(Role.PRODUCER))

    assert not reading & {"hset", "zadd", "zrem", "hdel", "xadd", "del", "sadd", "expire", "rpush"}
    assert {"blpop", "del"} & producing == set()
    assert {"blpop", "zadd"} <= set(commands_for(Role.WORKER))
    assert set(commands_for(Role.OPERATOR)) >= set(commands_for(Role.WORKER))
    assert "cluster|slots" in commands_for(Role.WORKER, is_cluster=True)
    assert not any("config" in command for role in Role for command in commands_for(role))


def test_the_rules_follow_the_scripts() -> None:
    assert set(scripts_of(Role.OPERATOR)) == set(script_names())
    assert all(load(name).is_read_only for name in scripts_of(Role.READONLY))
    for role in Role:
        allowed = set(commands_for(role))
        for name in scripts_of(role):
            assert {command.lower() for command in commands_of(name)} <= allowed, (role, name)


def test_the_commands_of_a_script_are_those_it_calls() -> None:
    assert commands_of("pause") == (
        "HDEL",
        "HEXISTS",
        "HSET",
        "LLEN",
        "RPUSH",
        "TIME",
        "XADD",
        "XLEN",
    )
    assert {"ZRANGE", "ZREVRANGE"} <= set(commands_of("read_page"))
    assert "ZADD" in commands_of("exchange")


def test_the_sentinel_user_finds_the_master_alone() -> None:
    assert sentinel_rule("shop") == (
        f"ACL SETUSER shop-sentinel reset on >{PASSWORD} -@all +ping +sentinel|masters"
    )
