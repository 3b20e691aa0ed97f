"""Groups under everything that can happen to their members, for Hypothesis to play.

It needs no model of the scripts: after each step every task is in one place, the doctor finds
nothing to mend, and a group that became ripe had a reason; what a claim hands out is one group, at
most as large as its handler takes. At the end of a story everybody goes home: whatever is not over
by then must get its run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.groups import GroupRule
from rediq_core.model.task import Task
from rediq_core.verbs.examine import PARTS, examine
from rediq_core.verbs.groups import declare_groups, run_group
from rediq_core.verbs.moves import MoveVerb
from tests.support.rig import PLACES, START_MS, Rig, completed, died, failed, released, snoozed

SIZE, GRACE_MS, DELAY_MS = 3, 1_000, 5_000
# `mail` has a group handler, of `post` no worker has said how it collects: 10, 30 s, 300 s.
RULES = {"mail": GroupRule(SIZE, GRACE_MS, DELAY_MS)}
COLLECTS = {**RULES, "post": GroupRule(10, 30_000, 300_000)}
RIPE = 10**15
OVER = ("completed", "cancelled", "dead", "trash")
# Leases run out where nobody renews them: a doctor who comes a minute later is right to say so.
PARTS_OF_TIME = ("active", "leases")
OUTCOMES = {
    "completed": completed,
    "failed": failed,
    "died": died,
    "snoozed": snoozed,
    "released": released,
}
NUMBERS = st.integers(0, 10**6)
MEMBERS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["mail", "mail", "post"]),
        "group": st.sampled_from(["a", "a", "b", None]),
        "priority": st.sampled_from([0, 50, 50, 100]),
        "delay": st.sampled_from([None, None, None, 2]),
    }
)
ACTS: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "enqueue": (5, {"options": st.lists(MEMBERS, min_size=1, max_size=4)}),
    "claim": (4, {"who": st.integers(0, 1), "want": st.integers(1, 6), "is_solo": st.booleans()}),
    "settle": (4, {"who": st.integers(0, 1), "how": st.lists(st.sampled_from(sorted(OUTCOMES)),
                                                             min_size=1, max_size=4)}),
    "crash": (2, {"who": st.integers(0, 1)}),
    "move": (4, {"verb": st.sampled_from(list(MoveVerb)),
                 "numbers": st.lists(NUMBERS, min_size=1, max_size=3)}),
    "hurry": (1, {"number": NUMBERS}),
    "wait": (4, {"ms": st.sampled_from([1, 500, 1_000, 2_500, 5_000])}),
}  # fmt: skip
_HATFUL = [name for name, (weight, _) in ACTS.items() for _ in range(weight)]
ACTIONS = st.sampled_from(_HATFUL).flatmap(
    lambda name: st.fixed_dictionaries(ACTS[name][1]).map(lambda how: (name, how))
)


@dataclass
class Line:
    """A group in line: since when each member waits, when it is due, and whether it is ripe."""

    since: dict[str, float] = field(default_factory=dict)
    due: float = RIPE
    is_ripe: bool = False


class GroupMachine(RuleBasedStateMachine):
    """One queue of groups, two workers and an operator."""

    rig: Rig

    @initialize()
    def begin(self) -> None:
        self.rig.client.flushall()
        self.rig.now_ms = START_MS
        self.rig.enqueue(Task("first"))
        founder = self.rig.worker()
        founder.settle(completed(founder.claim()[0]), is_last=True)
        self.rig.executor.run(declare_groups(self.rig.space, self.rig.queue, RULES))
        self.lives, self.made = 2, 0
        self.workers = [self.rig.worker(f"w{number}#1") for number in range(2)]
        self.claims: dict[str, ClaimedTask] = {}

    # What happens.

    def enqueue(self, options: list[dict[str, Any]]) -> None:
        tasks = []
        for option in options:
            self.made += 1
            more = {name: value for name, value in option.items() if name != "type"}
            tasks.append(Task(option["type"], id=f"t{self.made:03}", **more))
        self.rig.enqueue(*tasks)

    def claim(self, who: int, want: int, is_solo: bool) -> None:
        worker = self.workers[who]
        reply = worker.exchange(want, [], is_solo=is_solo, types="mail post")
        if reply.status == 3:
            self._new_life(who)
            return
        self.claims |= {task.id: task for task in reply.claimed}
        self._check_claim(reply.claimed)

    def _check_claim(self, claimed: list[ClaimedTask]) -> None:
        """One group at most as large as its handler takes, and then others, or none."""
        heads = {task.id: self.rig.task(task.id).group for task in claimed}
        runs: dict[str, int] = {}
        for task in claimed:
            if heads[task.id] and task.losses < 2:
                name = f"{task.type}/{heads[task.id]}"
                runs[name] = runs.get(name, 0) + 1
        # A type that nobody has declared is handed out one by one; several claims may be in one.
        sizes = {name: size for name, size in runs.items() if name.startswith("mail/")}
        assert all(size <= SIZE for size in sizes.values()), sizes

    def settle(self, who: int, how: list[str]) -> None:
        worker = self.workers[who]
        mine = [self.claims[each] for each in sorted(worker.holds)][: len(how)]
        rows = [OUTCOMES[each](task) for each, task in zip(how, mine, strict=False)]
        if rows:
            left = worker.holds - {row.id for row in rows}
            worker.exchange(0, rows, is_last=not left)

    def crash(self, who: int) -> None:
        """A worker dies with all that it holds."""
        self.rig.reap(self.workers[who].incarnation)
        self._new_life(who)

    def _new_life(self, who: int) -> None:
        self.lives += 1
        self.workers[who] = self.rig.worker(f"w{who}#{self.lives}")

    def move(self, verb: MoveVerb, numbers: list[int]) -> None:
        known = sorted(self.rig.hash("tasks"))
        ids = [known[number % len(known)] for number in numbers]
        self.rig.move(verb, *ids, due_ms=self.rig.now_ms + 1_500)

    def hurry(self, number: int) -> None:
        """An operator lets a group run now."""
        lines = sorted(self._lines())
        if lines:
            name = lines[number % len(lines)]
            self.rig.executor.run(run_group(self.rig.space, self.rig.queue, name, by="ada"))

    def wait(self, ms: int) -> None:
        self.rig.advance(ms)
        self.rig.renew(*(worker.incarnation for worker in self.workers))

    @rule(action=ACTIONS)
    def step(self, action: tuple[str, dict[str, Any]]) -> None:
        """Let somebody act, and see that groups became ripe for a reason."""
        name, how = action
        before = self._lines()
        getattr(self, name)(**how)
        after = self._lines()
        # These hand back what had been ripe, or are an operator's word.
        if name not in ("settle", "crash", "hurry"):
            for group, line in after.items():
                self._check_ripe(group, before.get(group, Line()), line)

    def _check_ripe(self, group: str, before: Line, after: Line) -> None:
        if not after.is_ripe or before.is_ripe:
            return
        rule = COLLECTS[group.partition("/")[0]]
        now_ms = self.rig.now_ms
        everybody = set(before.since) | set(after.since)
        # Of a group that was claimed in part the rest is ripe if it has waited long enough itself.
        waited = [since for task_id, since in before.since.items() if task_id in after.since]
        is_left_ripe = bool(waited) and (
            max(waited) + rule.grace_ms <= now_ms or min(waited) + rule.max_delay_ms <= now_ms
        )
        is_due = before.due <= now_ms
        assert len(everybody) >= rule.max_size or is_due or is_left_ripe, (group, before, after)

    def _lines(self) -> dict[str, Line]:
        waiting, pending = self.rig.scores("waiting"), self.rig.scores("pending")
        due = self.rig.scores("groups_due")
        lines: dict[str, Line] = {}
        for member in self.rig.ids("groups"):
            name, _, task_id = member.split(">")
            line = lines.setdefault(name, Line())
            line.since[task_id] = waiting.get(task_id, 0)
            line.is_ripe = line.is_ripe or task_id in pending
            line.due = min(due.get(name, RIPE), due.get(f"{name}<", RIPE))
        return lines

    # What must hold after each step.

    @invariant()
    def every_task_is_in_one_place(self) -> None:
        places = [member.rpartition(">")[2] for zset in PLACES for member in self.rig.ids(zset)]

        assert sorted(places) == sorted(self.rig.hash("tasks"))

    @invariant()
    def the_doctor_finds_nothing(self) -> None:
        parts = [part for part in PARTS if part not in PARTS_OF_TIME]
        calls = [examine(self.rig.space, self.rig.queue, part, limit=1_000) for part in parts]
        replies = self.rig.executor.run_many(calls)

        found = {
            part: reply.faults  # type: ignore[union-attr]  # an error fails here too
            for part, reply in zip(parts, replies, strict=True)
            if reply.faults  # type: ignore[union-attr]  # likewise
        }
        assert found == {}

    @invariant()
    def a_ripe_group_has_one_member_in_pending(self) -> None:
        pending = set(self.rig.ids("pending"))
        for name, line in self._lines().items():
            assert len(pending & set(line.since)) == line.is_ripe, (name, line)

    def teardown(self) -> None:
        """Everybody goes home, somebody else comes: what is not over gets its run."""
        for worker in self.workers:
            self.rig.reap(worker.incarnation, is_charged=False)
        last = self.rig.worker("last#1")
        for _ in range(400):
            self.rig.advance(60_000)
            self.rig.renew("last#1")
            claimed = last.exchange(10, [], is_solo=True, types="mail post").claimed
            if claimed:
                last.exchange(0, [completed(task) for task in claimed], is_last=True)
            elif not self._unfinished():
                break
        assert self._unfinished() == {}

    def _unfinished(self) -> dict[str, list[str]]:
        places = {zset: self.rig.ids(zset) for zset in PLACES if zset not in OVER}
        return {zset: ids for zset, ids in places.items() if ids}
