"""The verbs agree with a Python model of the whole key space, step by step.

Hypothesis plays producers, three workers, a reaper and an operator with a clock, and shrinks what
goes wrong to the shortest story. After each step every key of the queue is compared with
`tests.support.model`, and the invariants that need no model are checked on Redis itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.task import Task
from rediq_core.verbs.enqueue import encode_task
from rediq_core.verbs.exchange import Settled
from rediq_core.verbs.moves import MoveVerb
from tests.support.model import Model
from tests.support.rig import (
    PLACES,
    START_MS,
    Rig,
    Worker,
    completed,
    died,
    failed,
    ids_of,
    released,
    snoozed,
    unknown_type,
)
from tests.support.servers import Cluster

OUTCOMES = {
    "completed": completed,
    "failed": failed,
    "failed at once": lambda task: failed(task, 0),
    "died": died,
    "snoozed": snoozed,
    "released": released,
    "held": unknown_type,
}
NUMBERS = st.integers(0, 10**6)
# Whose claim is settled: mostly one's own present one, at times an old one or another's.
SETTLES = st.lists(
    st.tuples(
        NUMBERS,
        st.sampled_from(sorted(OUTCOMES)),
        st.sampled_from(["mine", "mine", "mine", "any", "forged"]),
    ),
    min_size=1,
    max_size=3,
)
TASKS = st.fixed_dictionaries(
    {
        "number": st.integers(0, 11),
        "type": st.sampled_from(["mail", "post"]),
        "priority": st.sampled_from([0, 50, 50, 100]),
        "delay": st.sampled_from([None, None, 0, 1, 7]),
        "expires_in": st.sampled_from([None, None, None, 2]),
        "unique_key": st.sampled_from([None, None, "k1", "k|2"]),
        "unique_for": st.sampled_from([None, None, 3]),
        "on_duplicate": st.sampled_from(["raise", "return", "replace"]),
    }
)


class Queue(RuleBasedStateMachine):
    """One queue, its model, and everybody who works on it."""

    rig: Rig

    @initialize()
    def begin(self) -> None:
        self.rig.client.flushall()
        self.rig.now_ms = START_MS
        self.model = Model(START_MS)
        self.workers = [self.rig.worker(f"w{number}#1") for number in range(3)]
        self.claims: list[ClaimedTask] = []
        self.lives = 1
        self.last: dict[str, tuple[int, Sequence[Settled], dict[str, Any]]] = {}

    # Producers.

    @rule(options=st.lists(TASKS, min_size=1, max_size=3))
    def enqueue(self, options: list[dict[str, Any]]) -> None:
        tasks = [self._task(dict(option)) for option in options]

        reply = self.rig.enqueue(*tasks)

        codes, owners = "", []
        for task in tasks:
            delay_ms = round(float(str(task.delay or 0)) * 1_000)
            owner = self.model.owner(task.unique_key or "")
            code = self.model.enqueue(task, encode_task(task), delay_ms)
            codes += code
            owners += [owner.id] if owner and code in "46" else []
        assert (reply.codes, list(reply.owners)) == (codes, owners)

    def _task(self, options: dict[str, Any]) -> Task[object]:
        if options["unique_key"] is None:
            options["unique_for"] = None
        return Task(options.pop("type"), id=f"t{options.pop('number'):02}", **options)

    # Workers.

    @rule(
        who=st.integers(0, 2),
        want=st.integers(1, 4),
        is_solo=st.booleans(),
        types=st.sampled_from(["", "mail", "mail post"]),
    )
    def claim(self, who: int, want: int, is_solo: bool, types: str) -> None:
        self._exchange(who, want, [], is_solo=is_solo, types=types)

    @rule(who=st.integers(0, 2), settles=SETTLES)
    def settle(self, who: int, settles: list[tuple[int, str, str]]) -> None:
        self._exchange(who, 0, settles)

    @rule(who=st.integers(0, 2), want=st.integers(0, 3), settles=SETTLES, is_solo=st.booleans())
    def exchange(
        self, who: int, want: int, settles: list[tuple[int, str, str]], is_solo: bool
    ) -> None:
        self._exchange(who, want, settles, is_solo=is_solo, types="mail post")

    def _exchange(
        self,
        who: int,
        want: int,
        settles: list[tuple[int, str, str]],
        *,
        is_solo: bool = False,
        types: str = "",
    ) -> None:
        worker = self.workers[who]
        rows = [row for settle in settles if (row := self._settled(worker, *settle))]
        left = worker.holds - {row.id for row in rows}
        flags = {"is_first": not worker.holds, "is_last": not left, "is_solo": is_solo}
        options: dict[str, Any] = {**flags, "types": types}

        reply = worker.exchange(want, rows, **options)

        self.last[worker.incarnation] = (want, rows, options)
        self._compare(worker, worker.seq, reply)
        self.claims = (self.claims + reply.claimed)[-40:]
        if reply.status == 3:
            self._live_again(who)

    def _settled(self, worker: Worker, number: int, outcome: str, whose: str) -> Settled | None:
        owner = f"{worker.incarnation}:"
        mine = [task for task in self.claims if task.token.startswith(owner)]
        mine = [task for task in mine if task.id in worker.holds]
        chosen = mine if whose == "mine" else self.claims
        if not chosen:
            return None
        row = OUTCOMES[outcome](chosen[number % len(chosen)])
        return row._replace(token="forged#1:1") if whose == "forged" else row

    def _compare(self, worker: Worker, seq: int, reply: Any) -> None:
        want, rows, options = self.last[worker.incarnation]
        status, codes, claimed, due = self.model.exchange(
            worker.incarnation, seq, want, rows, **options
        )
        assert (reply.status, reply.codes.decode()) == (status, codes)
        assert ids_of(reply.claimed) == claimed
        if due >= 0:
            assert reply.due_ms == due
        for task in reply.claimed:
            known = self.model.tasks[task.id]
            attempts, losses, _ = known.tries or (0, 0, 0)
            assert (task.attempt, task.losses, task.token) == (attempts + 1, losses, known.token)

    def _live_again(self, who: int) -> None:
        self.lives += 1
        self.workers[who] = self.rig.worker(f"w{who}#{self.lives}")

    @rule(who=st.integers(0, 2), age=st.integers(0, 2))
    def repeat(self, who: int, age: int) -> None:
        """Send the last request, or an older one, once more."""
        worker = self.workers[who]
        seq = worker.seq - age
        if seq < 1:
            return
        want, rows, options = self.last[worker.incarnation]
        before = self.rig.dump()

        reply = worker.again(want, rows, seq=seq, **options)

        self._compare(worker, seq, reply)
        assert self.rig.dump() == before

    @rule(who=st.sets(st.integers(0, 2), max_size=3))
    def renew(self, who: set[int]) -> None:
        names = [self.workers[number].incarnation for number in sorted(who)]

        renewed = self.rig.renew(*names)

        assert list(renewed.lost) == self.model.renew(names)
        assert set(renewed.cancels) == {
            task.id
            for task in self.model.at("active")
            if task.intent and task.token.rpartition(":")[0] in set(names) - set(renewed.lost)
        }

    # Reapers.

    @rule(who=st.sampled_from([None, None, 0, 1, 2]), is_charged=st.booleans())
    def reap(self, who: int | None, is_charged: bool) -> None:
        dead = [] if who is None else [self.workers[who].incarnation]

        reaped = self.rig.reap(*dead, is_charged=is_charged)

        outcomes = self.model.reap(dead, is_charged=is_charged)
        assert {task_id: outcome for task_id, outcome, _ in reaped.outcomes} == outcomes
        assert reaped.next_start == -1
        if who is not None:
            self._live_again(who)

    # Operators.

    @rule(
        verb=st.sampled_from(list(MoveVerb)),
        numbers=st.lists(st.integers(0, 12), min_size=1, max_size=4),
        expect=st.sampled_from(["", "", "pending", "dead"]),
        purge_ms=st.sampled_from([0, 1_000, 86_400_000]),
        due_in_ms=st.sampled_from([-1_000, 0, 1_500]),
    )
    def move(
        self, verb: MoveVerb, numbers: list[int], expect: str, purge_ms: int, due_in_ms: int
    ) -> None:
        ids = [f"t{number:02}" for number in numbers]
        how: dict[str, Any] = {
            "expect": expect,
            "purge_ms": purge_ms,
            "due_ms": self.rig.now_ms + due_in_ms,
        }

        moved = self.rig.move(verb, *ids, **how)

        assert list(moved.words) == [self.model.move(verb, task_id, **how) for task_id in ids]

    @rule(
        for_ms=st.sampled_from([None, None, 0, 2_000, 2_000]), limit=st.sampled_from([0, 0, 1, 3])
    )
    def policy(self, for_ms: int | None, limit: int) -> None:
        was_paused = self.model.paused_until is not None
        if for_ms is None:
            assert self.rig.resume() == was_paused
            self.model.paused_until = None
        else:
            until_ms = self.rig.now_ms + for_ms if for_ms else 0
            assert self.rig.pause(until_ms=until_ms) == was_paused
            self.model.paused_until = until_ms
        self.model.concurrency = limit
        self.rig.client.hdel(self.rig.key("policy"), "concurrency")
        if limit:
            self.rig.set_policy(concurrency=limit)

    # Time.

    @rule(ms=st.sampled_from([1, 999, 1_000, 3_000, 4_999, 11_000, 60_000]))
    def wait(self, ms: int) -> None:
        self.rig.advance(ms)
        self.model.now_ms = self.rig.now_ms

    @rule(ms=st.sampled_from([4_000, 4_000, 12_000]), who=st.sets(st.integers(0, 2), max_size=2))
    def live_on(self, ms: int, who: set[int]) -> None:
        """Let time pass in which Redis is there and only some renew."""
        for _ in range(ms // 4_000):
            self.wait(4_000)
            self.renew(who)

    # What must hold after each step.

    @invariant()
    def redis_is_the_model(self) -> None:
        actual, expected = snapshot_of(self.rig), self.model.snapshot()

        assert {name: actual[name] for name in expected} == expected

    @invariant()
    def every_task_is_in_one_place(self) -> None:
        places = [member.rpartition(">")[2] for zset in PLACES for member in self.rig.ids(zset)]

        assert sorted(places) == sorted(self.rig.hash("tasks"))

    @invariant()
    def books_agree_with_each_other(self) -> None:
        rig = self.rig
        assert set(rig.ids("active")) == set(rig.hash("claims"))
        assert set(rig.hash("cancels")) <= set(rig.ids("active"))
        assert sorted(rig.ids("errors")) == sorted(
            f"{cause}>{task_id}" for task_id, cause in rig.hash("causes").items()
        )
        assert set(rig.hash("trashed")) == set(rig.ids("trash"))
        assert len(rig.client.lrange(rig.key("wake"), 0, -1)) <= 1
        for owner in rig.hash("unique").values():
            (place,) = rig.places(owner.rpartition("|")[0])
            assert place not in ("completed", "cancelled", "dead", "trash")


def snapshot_of(rig: Rig) -> dict[str, object]:
    """Read what the model has, in its terms."""
    heads = {}
    for task_id, stored in rig.hash("tasks").items():
        _, priority, place_ms, expires_ms, _ = stored.split("|", 4)
        heads[task_id] = (int(priority), int(place_ms), int(expires_ms))
    places = {
        zset: {member.rpartition(">")[2]: int(at) for member, at in rig.scores(zset).items()}
        for zset in PLACES
    }
    policy = rig.hash("policy")
    trashed = {}
    for task_id, row in rig.hash("trashed").items():
        zset, score, _, cause = row.split("|")
        trashed[task_id] = (zset, int(float(score)), cause)
    unique = {}
    for key, row in rig.hash("unique").items():
        owner, _, till_ms = row.rpartition("|")
        unique[key.replace("%7C", "|").replace("%25", "%")] = (owner, int(till_ms))
    return {
        **places,
        "heads": heads,
        "claims": rig.hash("claims"),
        "tries": {i: tuple(map(int, row.split("|"))) for i, row in rig.hash("tries").items()},
        "cancels": set(rig.hash("cancels")),
        "causes": rig.hash("causes"),
        "trashed": trashed,
        "unique": unique,
        "leases": {name: int(expiry) for name, expiry in rig.scores("leases").items()},
        "counters": {name: int(count) for name, count in rig.hash("counters").items()},
        "paused": int(policy["until"]) if "paused" in policy else None,
    }


def play(rig: Rig, *, stories: int, steps: int) -> None:
    """Play stories of so many steps on one server."""
    machine = type("QueueOnServer", (Queue,), {"rig": rig})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=stories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


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
    play(rig, stories=25, steps=40)


@pytest.mark.cluster
def test_the_verbs_agree_with_the_model_on_a_cluster(cluster_rig: Rig) -> None:
    play(cluster_rig, stories=10, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_verbs_agree_with_the_model_over_many_stories(rig: Rig) -> None:
    play(rig, stories=400, steps=80)
