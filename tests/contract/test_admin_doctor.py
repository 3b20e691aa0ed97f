"""`doctor` finds twenty and more seeded faults, repairs what it may, and then finds none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import redis

from rediq_core.admin import Checkup, Finding, Level
from rediq_core.admin.access import Access
from rediq_core.admin.doctor import examine_all
from rediq_core.admin.doctor.finding import Patient, info_fields
from rediq_core.admin.doctor.server import check_server
from rediq_core.client import SyncClient
from rediq_core.errors import Refused
from rediq_core.keys import global_key
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from tests.support.desk import NAMESPACE, Desk, worker_row
from tests.support.rig import Rig, completed
from tests.support.servers import Cluster, standalone

BY = "ada@host"


@pytest.fixture
def desk(redis_url: str, redis_client: redis.Redis) -> Iterator[Desk]:
    with Desk(redis_url, redis_client) as desk:
        yield desk


@pytest.fixture
def healthy(desk: Desk) -> Desk:
    """A queue with tasks in each state, and a live worker that takes them."""
    rig = desk.queue("mail")
    desk.dead("mail", 1)
    desk.retry("mail", 1)
    desk.completed("mail", 2)
    rig.put(
        Task("mail", id="later", queue="mail", delay="1h"),
        Task("mail", id="ready", queue="mail", unique_key="k"),
    )
    (running,) = desk.active("mail", 1)
    desk.admin.move("cancel", [running.id], by=BY)
    desk.announce(worker_row())
    return desk


def faults(checkup: Checkup) -> list[Finding]:
    return [finding for finding in checkup.findings if finding.level is Level.FAULT]


def checks(checkup: Checkup) -> dict[str, Finding]:
    return {finding.check: finding for finding in faults(checkup)}


def test_a_healthy_queue_has_no_fault(healthy: Desk) -> None:
    before = healthy.everything()

    checkup = healthy.admin.doctor()

    assert faults(checkup) == []
    assert checkup.queues == 1
    assert healthy.everything() == before
    content = [finding for finding in checkup.findings if finding.check == "content"]
    assert content[0].text.endswith(" rows, every id in exactly one state")


def test_an_empty_server_has_no_fault(desk: Desk) -> None:
    assert faults(desk.admin.doctor()) == []


@dataclass(frozen=True)
class Seed:
    """A fault that is planted.

    Attributes:
        check: What finds it.
        plant: Plants it.
    """

    check: str
    plant: Callable[[Rig], object]


def zadd(name: str, member: str, score: float = 1) -> Callable[[Rig], object]:
    return lambda rig: rig.client.zadd(rig.key(name), {member: score})


def hset(name: str, field: str, value: str) -> Callable[[Rig], object]:
    return lambda rig: rig.client.hset(rig.key(name), field, value)


def zrem(name: str, member: str) -> Callable[[Rig], object]:
    return lambda rig: rig.client.zrem(rig.key(name), member)


def replace_by_text(name: str) -> Callable[[Rig], object]:
    def plant(rig: Rig) -> None:
        rig.client.delete(rig.key(name))
        rig.client.set(rig.key(name), "not ours")

    return plant


def forget_claims(rig: Rig) -> None:
    rig.client.delete(rig.key("claims"))
    rig.client.delete(rig.key("cancels"))


def forget_queue(rig: Rig) -> None:
    rig.client.srem(global_key(NAMESPACE, "queues"), "mail")


def stale_beat(rig: Rig) -> None:
    rig.client.zadd(global_key(NAMESPACE, "workers"), {"w-9-gone": rig.now_ms})


def endless_row(rig: Rig) -> None:
    rig.client.persist(global_key(NAMESPACE, "worker", "w-1-a"))


def fresh_outbox(rig: Rig) -> None:
    rig.client.zadd(rig.key("outbox"), {"ghost": rig.now_ms + 3_600_000})


def forget_group_times(rig: Rig) -> None:
    rig.put(Task("mail", id="member", queue="mail", group="daily"))
    rig.client.delete(rig.key("groups_due"))


FIXABLE = {
    "an id in a state without its task": Seed("orphan_ids", zadd("dead", "ghost")),
    "an unroutable id without its task": Seed("orphan_ids", zadd("held", "mail>ghost")),
    "a task in no state": Seed("stateless_tasks", zrem("delayed", "later")),
    "a task in two states": Seed("double_state", zadd("dead", "ready")),
    "running tasks without a claim": Seed("unclaimed", forget_claims),
    "a claim without a lease": Seed("claims_without_lease", zrem("leases", "w-1-a#1")),
    "a lease that ended long ago": Seed("stuck_leases", zadd("leases", "w-1-a#1", 5)),
    "a lease of nobody": Seed("stuck_leases", zadd("leases", "w-7-x#3", 5)),
    "a claim of a task that does not run": Seed("leftover_rows", hset("claims", "ready", "w#1:1")),
    "a timeline of nothing": Seed("leftover_rows", hset("runs", "ghost", "{}")),
    "attempts of nothing": Seed("leftover_rows", hset("tries", "ghost", "1|0|0")),
    "progress of a task that waits": Seed("leftover_rows", hset("progress", "ready", "1|1|")),
    "a cause of nothing": Seed("leftover_rows", hset("causes", "ghost", "f9")),
    "an error of nothing": Seed("leftover_rows", zadd("errors", "f9>ghost")),
    "a trash row that is in no trash": Seed("leftover_rows", hset("trashed", "ready", "dead|1||")),
    "a parent to be told of that has no children": Seed("leftover_rows", fresh_outbox),
    "a unique key whose owner is gone": Seed("stale_unique_keys", hset("unique", "k9", "ghost|0")),
    "a time of a group that is not there": Seed("leftover_rows", zadd("groups_due", "mail/x", 5)),
    "a group without a time": Seed("groups_without_time", forget_group_times),
    "a counter below what is there": Seed("counter_drift", hset("counters", "enqueued", "1")),
    "a counter that is no number": Seed("unreadable_fields", hset("counters", "completed", "x")),
    "a limit that is no number": Seed("unreadable_fields", hset("policy", "concurrency", "x")),
    "a key of a wrong type": Seed("wrong_type", replace_by_text("kept")),
    "a beat of a worker without a row": Seed("stale_workers", stale_beat),
    "a row of a worker that never ends": Seed("stale_workers", endless_row),
    "a queue that no list names": Seed("unlisted_queue", forget_queue),
}


# What else is seen while such a fault lasts, and goes with it.
CONSEQUENCES = {"counter_drift", "content", "no_handler"}


@pytest.mark.parametrize("name", FIXABLE)
def test_a_seeded_fault_is_found_repaired_and_gone(name: str, healthy: Desk) -> None:
    seed = FIXABLE[name]
    seed.plant(healthy.queue("mail"))

    found = checks(healthy.admin.doctor())
    assert seed.check in found
    assert set(found) - {seed.check} <= CONSEQUENCES
    assert found[seed.check].is_fixable
    assert not found[seed.check].is_fixed

    fixed = healthy.admin.doctor(by=BY)
    assert checks(fixed)[seed.check].is_fixed
    assert fixed.left == ()

    assert faults(healthy.admin.doctor()) == []


def test_all_faults_at_once_are_repaired_and_every_task_is_still_there(healthy: Desk) -> None:
    rig = healthy.queue("mail")
    seeds = {name: seed for name, seed in FIXABLE.items() if "lease" not in name}
    assert len(seeds) >= 20
    for seed in seeds.values():
        seed.plant(rig)
    known = set(rig.hash("tasks"))

    fixed = healthy.admin.doctor(by=BY)

    assert {finding.check for finding in fixed.fixed} == {seed.check for seed in seeds.values()}
    assert fixed.left == ()
    assert faults(healthy.admin.doctor()) == []
    assert set(rig.hash("tasks")) == known
    assert {len(rig.places(task_id)) for task_id in known} == {1}


def test_every_repair_of_a_queue_is_in_its_audit(healthy: Desk) -> None:
    rig = healthy.queue("mail")
    zadd("dead", "ghost")(rig)
    replace_by_text("kept")(rig)

    healthy.admin.doctor(by=BY)

    rows = [row for _, row in healthy.client.xrange(rig.key("audit"))]
    repairs = [row for row in rows if row[b"verb"] == b"repair"]
    assert {row[b"first"] for row in repairs} == {b"ghost", rig.key("kept").encode()}
    assert all(BY.encode() in row[b"by"] for row in repairs)


def test_a_key_of_a_wrong_type_is_moved_aside_not_deleted(healthy: Desk) -> None:
    rig = healthy.queue("mail")
    replace_by_text("tries")(rig)

    healthy.admin.doctor(by=BY)

    (aside,) = healthy.client.keys(f"{rig.key('tries')}:aside:*")
    assert healthy.client.get(aside) == b"not ours"


def test_a_queue_that_cannot_be_read_is_said_to_be_left_out(healthy: Desk) -> None:
    replace_by_text("tasks")(healthy.queue("mail"))

    found = checks(healthy.admin.doctor())

    assert found["content"].text == "mail was not looked at, because a key of it has a wrong type"


def test_claims_of_the_lost_are_given_back(healthy: Desk) -> None:
    rig = healthy.queue("mail")
    (task_id,) = rig.ids("active")
    rig.client.hdel(rig.key("cancels"), task_id)
    zrem("leases", "w-1-a#1")(rig)

    healthy.admin.doctor(by=BY)

    assert rig.places(task_id) == ["pending"]


# Tasks that depend on others.


class Family:
    """A parent in one queue and a child in another, which has long been waiting."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.parents, self.children = desk.queue("video"), desk.queue("mail")
        self.parent: Task[object] = Task("video", queue="video")
        self.child: Task[object] = Task("mail", queue="mail", depends_on=self.parent)
        with SyncClient(desk.url, namespace=NAMESPACE) as client:
            client.enqueue(self.parent)
            client.enqueue(self.child)
        desk.client.zadd(self.children.key("waiting"), {self.child.id: 1})
        desk.announce(worker_row(queues=("mail", "video"), types=("mail", "video")))

    def child_places(self) -> list[str]:
        return self.children.places(self.child.id)


@pytest.fixture
def family(desk: Desk) -> Family:
    return Family(desk)


def test_a_family_that_waits_has_no_fault(family: Family) -> None:
    assert faults(family.desk.admin.doctor()) == []


def test_a_parent_that_does_not_know_its_child_learns_of_it(family: Family) -> None:
    edges = family.parents.ids("dependents")
    family.desk.client.delete(family.parents.key("dependents"))

    found = checks(family.desk.admin.doctor())["half_registered"]
    fixed = family.desk.admin.doctor(by=BY)

    assert (found.queue, found.samples) == ("mail", (family.child.id,))
    assert fixed.left == ()
    assert family.parents.ids("dependents") == edges
    assert family.child_places() == ["waiting"]
    assert faults(family.desk.admin.doctor()) == []


def test_a_child_whose_parent_is_gone_ends_as_it_asked(family: Family) -> None:
    family.desk.client.hdel(family.parents.key("tasks"), family.parent.id)

    assert "half_registered" in checks(family.desk.admin.doctor())
    family.desk.admin.doctor(by=BY)

    assert family.child_places() == ["dead"]
    assert faults(family.desk.admin.doctor()) == []


def test_a_child_that_nobody_told_is_told(family: Family) -> None:
    worker = family.parents.worker()
    worker.settle(completed(worker.claim(1)[0]))
    family.desk.client.zadd(family.parents.key("outbox"), {family.parent.id: 1})

    found = checks(family.desk.admin.doctor())
    fixed = family.desk.admin.doctor(by=BY)

    assert found["untold_children"].samples == (family.parent.id,)
    assert fixed.left == ()
    assert family.child_places() == ["pending"]
    assert faults(family.desk.admin.doctor()) == []


def test_a_task_that_waits_for_nothing_is_judged_again(family: Family) -> None:
    family.desk.client.delete(family.children.key("needs"))

    found = checks(family.desk.admin.doctor())
    fixed = family.desk.admin.doctor(by=BY)

    assert found["stranded_tasks"].samples == (family.child.id,)
    assert fixed.left == ()
    assert family.child_places() == ["pending"]


def test_a_task_that_collects_in_no_group_joins_it_again(desk: Desk) -> None:
    rig = desk.queue("mail")
    desk.announce(worker_row())
    rig.put(Task("mail", queue="mail", group="daily"))
    rig.client.delete(rig.key("groups"), rig.key("groups_due"))

    assert set(checks(desk.admin.doctor())) == {"ungrouped_tasks"}
    assert desk.admin.doctor(by=BY).left == ()
    assert faults(desk.admin.doctor()) == []


# What only somebody else can put right.


def test_a_queue_without_worker_and_a_type_without_handler_are_left(desk: Desk) -> None:
    desk.pending("orphan", 3)
    desk.held("mail", 1)
    desk.announce(worker_row())

    found = checks(desk.admin.doctor(by=BY))

    assert set(found) == {"no_worker", "no_handler"}
    assert found["no_worker"].text == ("orphan: pending tasks, and no live worker takes them: 3")
    assert found["no_handler"].next_step == "rediq why mail"
    assert all(finding.is_left for finding in found.values())


def test_keys_of_another_version_are_left(desk: Desk) -> None:
    desk.client.set(global_key(NAMESPACE, "schema"), "9")

    assert set(checks(desk.admin.doctor(by=BY))) == {"schema"}


def test_a_damaged_task_is_advice(healthy: Desk) -> None:
    hset("tasks", "ready", "rubbish")(healthy.queue("mail"))

    checkup = healthy.admin.doctor(by=BY)

    (damaged,) = [found for found in checkup.findings if found.check == "damaged_tasks"]
    assert (damaged.level, damaged.is_fixed, damaged.samples) == (Level.ADVICE, False, ("ready",))


def test_lost_workers_other_versions_and_a_long_pause_are_advice(desk: Desk) -> None:
    desk.pending("mail", 1)
    desk.announce(worker_row("w-1-a", version="1.0"))
    desk.announce(worker_row("w-2-b", version="2.0"))
    desk.announce(worker_row("w-3-c"), age_ms=60_000)
    desk.admin.pause("mail", BY)
    hour_ago = str(desk.server_ms() - 3_600_000)
    desk.client.hset(desk.queue("mail").key("policy"), "paused", hour_ago)

    checkup = desk.admin.doctor()

    advice = {found.check: found for found in checkup.findings if found.level is Level.ADVICE}
    assert advice["versions"].text == "workers of 2 versions of Rediq work here: 1.0, 2.0"
    assert advice["lost_workers"].samples == ("w-3-c",)
    assert advice["paused"].text == "mail has been paused for 1h by ada@host; pending tasks: 1"
    assert faults(checkup) == []


class Shifted:
    """A clock of this machine that is wrong by so much."""

    def __init__(self, desk: Desk, by_ms: int) -> None:
        self.desk = desk
        self.by_ms = by_ms

    def now_ms(self) -> int:
        return self.desk.server_ms() + self.by_ms

    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize(("by_ms", "says"), [(-90_000, "ahead of"), (90_000, "behind")])
def test_clocks_that_disagree(by_ms: int, says: str, desk: Desk) -> None:
    checkup = examine_all(desk.admin.access, clock=Shifted(desk, by_ms))

    clock = checks(checkup)["clock"]
    assert clock.text.startswith(f"the server's clock is 1m 30s {says} this machine's")
    assert clock.is_left


@pytest.mark.parametrize(
    ("settings", "check", "level"),
    [
        (["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"], "eviction", Level.FAULT),
        (["--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"], "eviction", Level.ADVICE),
        (["--min-replicas-to-write", "0", "--protected-mode", "no"], "login", Level.ADVICE),
    ],
)
def test_settings_of_the_server_are_found_and_never_changed(
    settings: list[str], check: str, level: Level
) -> None:
    with standalone(extra_args=settings) as server:
        client = server.client()
        before = client.config_get("*")
        with Desk(server.root_url, client) as desk:
            found = {finding.check: finding for finding in desk.admin.doctor(by=BY).findings}
        after = client.config_get("*")
        client.close()

    assert found[check].level is level
    assert after == before


def test_without_an_append_only_file_a_crash_loses_tasks(desk: Desk) -> None:
    found = {finding.check: finding for finding in desk.admin.doctor().findings}

    assert found["persistence"].level is Level.ADVICE
    assert found["persistence"].text == (
        "no append-only file: a crash of Redis loses what was not saved"
    )


INFO = b"""# Server
redis_version:7.0.15
role:master
used_memory:10
maxmemory:0
maxmemory_policy:noeviction
aof_enabled:1
connected_slaves:0
"""


@pytest.mark.parametrize(
    ("line", "check", "level"),
    [
        (b"used_memory:90\nmaxmemory:100", "memory", Level.ADVICE),
        (b"used_memory:99\nmaxmemory:100", "memory", Level.FAULT),
        (b"redis_version:5.0.14", "version", Level.FAULT),
        (b"redis_version:6.2.5", "version", Level.ADVICE),
        (b"rdb_last_bgsave_status:err", "persistence", Level.FAULT),
        (b"aof_last_write_status:err", "persistence", Level.FAULT),
        (b"role:slave", "role", Level.FAULT),
        (b"connected_slaves:1", "replicas", Level.ADVICE),
        (b"number_of_cached_scripts:5000", "scripts", Level.ADVICE),
        (b"cluster_enabled:1", "cluster", Level.FAULT),
    ],
)
def test_what_info_says_of_a_server(line: bytes, check: str, level: Level, desk: Desk) -> None:
    patient = Patient(desk.admin.access)
    patient.__dict__["infos"] = {"here": info_fields(INFO + line + b"\n")}

    found = {finding.check: finding for finding in check_server(patient)}

    assert found[check].level is level


def test_a_replica_that_is_waited_for_is_fine(desk: Desk) -> None:
    patient = Patient(desk.admin.access)
    lines = b"connected_slaves:1\nmin_slaves_good_slaves:1\n"
    patient.__dict__["infos"] = {"here": info_fields(INFO + lines)}

    found = {finding.check: finding for finding in check_server(patient)}

    assert found["replicas"].level is Level.OK


@pytest.mark.cluster
def test_a_cluster_with_all_its_slots(cluster_server: Cluster, cluster_url: str) -> None:
    client = cluster_server.masters[0].client()
    with Desk(cluster_url, client) as desk:
        desk.pending("mail", 1)
        desk.announce(worker_row())
        zadd("dead", "ghost")(desk.queue("mail"))

        fixed = desk.admin.doctor(by=BY)
        found = {finding.check: finding for finding in fixed.findings}
    client.close()

    assert found["cluster"].level is Level.OK
    assert found["cluster"].text.startswith("all 16,384 slots are served")
    assert found["orphan_ids"].is_fixed


def test_read_only_repairs_nothing(healthy: Desk) -> None:
    zadd("dead", "ghost")(healthy.queue("mail"))
    before = healthy.everything()
    access: Access = healthy.admin.access
    locked = Access(access.executor, access.namespace, is_read_only=True)

    with pytest.raises(Refused):
        examine_all(locked, by=BY)

    assert healthy.everything() == before
    assert "orphan_ids" in checks(examine_all(locked))


def test_progress_is_told_to_its_end(healthy: Desk) -> None:
    told: list[tuple[int, int]] = []

    healthy.admin.doctor(on_progress=lambda done, total: told.append((done, total)))

    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == list(range(1, len(told) + 1))


def test_many_tasks_are_looked_at_in_pieces(desk: Desk) -> None:
    ids = desk.pending("mail", 1_500)
    desk.announce(worker_row())
    desk.client.zrem(desk.queue("mail").key("pending"), *ids[:700])

    found = checks(desk.admin.doctor())["stateless_tasks"]
    fixed = desk.admin.doctor(by=BY)

    assert found.count == 700
    assert fixed.left == ()
    assert desk.admin.queue("mail").counts[TaskState.PENDING] == 1_500
