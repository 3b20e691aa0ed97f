"""Producers, three workers, a reaper and an operator on one queue, for Hypothesis to play.

Every act goes to Redis and to the model, and what they answer is compared at once. After each step
the whole key space is compared, and the invariants that need no model are checked on Redis itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.task import Task
from rediq_core.verbs.enqueue import encode_task
from rediq_core.verbs.exchange import Settled
from rediq_core.verbs.moves import MoveVerb
from tests.support.keyspace import snapshot_of
from tests.support.model import TAKES, Model
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

OUTCOMES = {
    "completed": completed,
    "failed": failed,
    "failed at once": lambda task: failed(task, 0),
    "died": died,
    "snoozed": snoozed,
    "released": released,
    "held": unknown_type,
}
# As wake_all.lua pushes them.
MOST_MARKERS = 100
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
        # The same task again, or other content under a known id, now and then.
        "known": st.sampled_from([None, None, None, 0, 1]),
        "type": st.sampled_from(["mail", "post"]),
        "priority": st.sampled_from([0, 50, 50, 100]),
        "delay": st.sampled_from([None, None, 0, 1, 7]),
        "expires_in": st.sampled_from([None, None, 2]),
        "unique_key": st.sampled_from([None, None, "k1", "k|2"]),
        "unique_for": st.sampled_from([None, None, 3]),
        "on_duplicate": st.sampled_from(["raise", "return", "replace"]),
    }
)

WHO = st.integers(0, 2)
# Each act: how often, and what is drawn for it.
ACTS: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "enqueue": (4, {"options": st.lists(TASKS, min_size=1, max_size=3)}),
    "claim": (
        4,
        {
            "who": WHO,
            "want": st.integers(1, 4),
            "is_solo": st.booleans(),
            "types": st.sampled_from(["", "mail", "mail post"]),
        },
    ),
    "settle": (3, {"who": WHO, "settles": SETTLES}),
    "exchange": (
        3,
        {"who": WHO, "want": st.integers(0, 3), "settles": SETTLES, "is_solo": st.booleans()},
    ),
    "repeat": (2, {"who": WHO, "age": st.integers(0, 2)}),
    "renew": (2, {"who": st.sets(WHO)}),
    "reap": (3, {"who": st.none() | WHO, "is_charged": st.sampled_from([True, True, False])}),
    "crash": (2, {"who": WHO, "is_solo": st.booleans()}),
    "move": (
        4,
        {
            "verb": st.sampled_from(list(MoveVerb)),
            "numbers": st.lists(NUMBERS, min_size=1, max_size=3),
            "is_apt": st.sampled_from([True, True, True, False]),
            "expect": st.sampled_from(["", "", "", "pending", "dead"]),
            "purge_ms": st.sampled_from([0, 1_000, 86_400_000]),
            "due_in_ms": st.sampled_from([-1_000, 0, 1_500]),
        },
    ),
    "policy": (
        1,
        {
            "for_ms": st.sampled_from([None, None, None, 0, 2_000]),
            "limit": st.sampled_from([0, 0, 1, 3]),
        },
    ),
    "wait": (3, {"ms": st.sampled_from([1, 999, 1_000, 3_000, 4_999, 11_000, 60_000])}),
    "live_on": (2, {"ms": st.sampled_from([4_000, 12_000]), "who": st.sets(WHO, max_size=2)}),
}
_HATFUL = [name for name, (weight, _) in ACTS.items() for _ in range(weight)]
ACTIONS = st.sampled_from(_HATFUL).flatmap(
    lambda name: st.fixed_dictionaries(ACTS[name][1]).map(lambda how: (name, how))
)


class QueueMachine(RuleBasedStateMachine):
    """One queue, its model, and everybody who works on it."""

    rig: Rig

    @initialize()
    def begin(self) -> None:
        self.rig.client.flushall()
        self.rig.now_ms = START_MS
        self.model = Model(START_MS)
        self.workers = [self.rig.worker(f"w{number}#1") for number in range(3)]
        self.claims: list[ClaimedTask] = []
        self.lives, self.made = 1, 0
        self.last: dict[str, tuple[int, Sequence[Settled], dict[str, Any]]] = {}

    # Producers.

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
        known, task_id = options.pop("known"), f"t{self.made:03}"
        if known is not None and self.model.tasks:
            task_id = sorted(self.model.tasks)[-1 - known % len(self.model.tasks)]
        self.made += 1
        return Task(options.pop("type"), id=task_id, **options)

    # Workers.

    def claim(self, who: int, want: int, is_solo: bool, types: str) -> None:
        self._exchange(who, want, [], is_solo=is_solo, types=types)

    def settle(self, who: int, settles: list[tuple[int, str, str]]) -> None:
        self._exchange(who, 0, settles)

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

    def reap(self, who: int | None, is_charged: bool) -> None:
        if who is not None:
            busy = [number for number in range(3) if self.workers[number].holds]
            who = busy[who % len(busy)] if busy else who
        dead = [] if who is None else [self.workers[who].incarnation]

        reaped = self.rig.reap(*dead, is_charged=is_charged)

        outcomes = self.model.reap(dead, is_charged=is_charged)
        assert {task_id: outcome for task_id, outcome, _ in reaped.outcomes} == outcomes
        assert reaped.next_start == -1
        if who is not None:
            self._live_again(who)

    def crash(self, who: int, is_solo: bool) -> None:
        """Have a worker die with what it just claimed."""
        self.claim(who, 2, is_solo, "")
        self.reap(who, is_charged=True)

    # Operators.

    def move(
        self,
        verb: MoveVerb,
        numbers: list[int],
        is_apt: bool,
        expect: str,
        purge_ms: int,
        due_in_ms: int,
    ) -> None:
        known = sorted(self.model.tasks.values(), key=lambda task: task.id)
        apt = [task.id for task in known if task.state in TAKES[verb]]
        ids = apt if is_apt and apt else [*(task.id for task in known), "nope"]
        ids = [ids[number % len(ids)] for number in numbers]
        due_ms = self.rig.now_ms + due_in_ms
        how: dict[str, Any] = {"expect": expect, "purge_ms": purge_ms, "due_ms": due_ms}

        moved = self.rig.move(verb, *ids, **how)

        assert list(moved.words) == [self.model.move(verb, task_id, **how) for task_id in ids]

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

    def wait(self, ms: int) -> None:
        self.rig.advance(ms)
        self.model.now_ms = self.rig.now_ms

    def live_on(self, ms: int, who: set[int]) -> None:
        """Let time pass in which Redis is there and only some renew."""
        for _ in range(ms // 4_000):
            self.wait(4_000)
            self.renew(who)

    @rule(action=ACTIONS)
    def step(self, action: tuple[str, dict[str, Any]]) -> None:
        """Let somebody act. One rule: Hypothesis leaves out whole rules of a story."""
        name, how = action
        getattr(self, name)(**how)

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
        # One for all, but for a type that not everybody knows.
        has_held = "held" in rig.hash("counters")
        assert rig.client.llen(rig.key("wake")) <= (MOST_MARKERS if has_held else 1)
        for owner in rig.hash("unique").values():
            (place,) = rig.places(owner.rpartition("|")[0])
            assert place not in ("completed", "cancelled", "dead", "trash")
