"""A queue in plain Python: what the scripts should do, without Redis.

Written from the contract, not from the Lua: one dict of tasks, each in one place, and the few facts
beside them (leases, unique keys, policy, counts). `snapshot` is the whole key space of the queue
as far as it decides anything; the state machine compares it with Redis after every step. Left out
are timelines and retention (which have tests of their own) and bounds that small queues never meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rediq_core.model.task import Task
from rediq_core.verbs.enqueue import EncodedTask
from rediq_core.verbs.exchange import Settled
from rediq_core.verbs.moves import TRASH_MS, MoveVerb
from tests.support.rig import LEASE_MS, PLACES

STEP = 10**13
UNFINISHED = ("pending", "suspects", "held", "active", "delayed", "retry", "waiting")
FINAL = ("completed", "cancelled", "dead")
# What each letter of a settle leads to, and what it is counted as.
FINAL_TARGETS = {"c": "completed", "d": "dead", "x": "cancelled"}
TARGETS = FINAL_TARGETS | {"r": "retry", "s": "delayed", "p": "pending", "h": "held"}
WORDS = TARGETS | {"r": "retried", "s": "snoozed", "p": "released"}
TAKES = {
    MoveVerb.RETRY: ("dead", "retry", "cancelled"),
    MoveVerb.RUN: ("delayed", "retry"),
    MoveVerb.CANCEL: ("pending", "delayed", "retry", "waiting", "active"),
    MoveVerb.DELETE: ("pending", "delayed", "retry", "waiting", *FINAL),
    MoveVerb.RESTORE: ("trash",),
    MoveVerb.RESCHEDULE: ("pending", "delayed", "retry"),
}


@dataclass
class Known:
    """One task: where it is, and what is remembered of it."""

    id: str
    type: str
    priority: int
    tail: bytes
    place_ms: int
    expires_ms: int = 0
    unique: str = ""
    zset: str = ""
    score: int = 0
    tries: tuple[int, int, int] | None = None
    token: str = ""
    settled_tokens: set[str] = field(default_factory=set)
    intent: str = ""
    cause: str = ""
    key_till_ms: int = 0
    former: tuple[str, int, str, int] | None = None

    @property
    def state(self) -> str:
        return "pending" if self.zset in ("suspects", "held") else self.zset

    def put(self, zset: str, score: int) -> None:
        self.zset, self.score = zset, score

    def ready(self, zset: str = "pending") -> None:
        self.put(zset, self.place_ms + self.priority * STEP)


class Model:
    """The queue.

    Attributes:
        now_ms: Its clock.
        tasks: Every known task by id.
    """

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.tasks: dict[str, Known] = {}
        self.leases: dict[str, int] = {}
        self.unique: dict[str, tuple[str, int]] = {}
        self.counts: Counter[str] = Counter()
        self.requests: dict[str, tuple[int, str, list[str]]] = {}
        self.paused_until: int | None = None
        self.concurrency = 0
        self.beat_ms = 0
        self.reap_after = 0

    # What producers do.

    def enqueue(self, task: Task[object], encoded: EncodedTask, delay_ms: int = 0) -> str:
        """Take or refuse one task; returns its code."""
        known = self.tasks.get(task.id)
        if known is not None:
            return "2" if (known.priority, known.tail) == (task.priority, encoded.tail) else "3"
        new = Known(task.id, task.type, task.priority, encoded.tail, self.now_ms + delay_ms)
        if task.unique_key:
            for_ms = 0 if task.unique_for is None else round(float(str(task.unique_for)) * 1_000)
            code = self._take_key(new.id, task.unique_key, for_ms, task.on_duplicate)
            if code:
                return code
            new.unique = task.unique_key
        if task.expires_in is not None:
            new.expires_ms = new.place_ms + round(float(str(task.expires_in)) * 1_000)
        self.tasks[new.id] = new
        self.counts["enqueued"] += 1
        if delay_ms > 0:
            new.put("delayed", new.place_ms)
        else:
            new.ready()
        return "1"

    def owner(self, key: str) -> Known | None:
        """Return the unfinished task that holds a unique key now."""
        owner_id, till_ms = self.unique.get(key, ("", 0))
        owner = self.tasks.get(owner_id)
        if owner is None or owner.zset not in UNFINISHED or 0 < till_ms <= self.now_ms:
            return None
        return owner

    def _take_key(self, task_id: str, key: str, for_ms: int, on_duplicate: str) -> str:
        owner = self.owner(key)
        if owner is not None and owner.id != task_id:
            if on_duplicate != "replace":
                return "4"
            if owner.zset == "active":
                return "6"
            self._finish(owner, "cancelled")
            self.counts["cancelled"] += 1
        till_ms = self.now_ms + for_ms if for_ms else 0
        if not for_ms and self.unique.get(key, ("", 0))[0] == task_id:
            till_ms = self.unique[key][1]
        self.unique[key] = (task_id, till_ms)
        return ""

    def _till_of(self, task: Known) -> int:
        """Return when the key that a task holds is free again; 0: no key, or no end."""
        owner, till_ms = self.unique.get(task.unique, ("", 0))
        return till_ms if owner == task.id else 0

    def _release_key(self, task: Known) -> None:
        if self.unique.get(task.unique, ("", 0))[0] == task.id:
            del self.unique[task.unique]

    def _finish(self, task: Known, zset: str) -> None:
        task.put(zset, self.now_ms)
        if zset != "dead":
            task.cause = ""
        self._release_key(task)

    # What workers do.

    def exchange(
        self,
        caller: str,
        seq: int,
        want: int,
        settles: Sequence[Settled],
        *,
        is_first: bool,
        is_last: bool,
        is_solo: bool,
        types: str,
    ) -> tuple[int, str, list[str], int]:
        """Settle and claim; returns status, codes, claimed ids, and when something is due."""
        last_seq, last_codes, last_ids = self.requests.get(caller, (0, "", []))
        if seq == last_seq:
            token = f"{caller}:{seq}"
            still = [i for i in last_ids if i in self.tasks and self.tasks[i].token == token]
            return 2, last_codes, still, -1
        if seq < last_seq:
            return 4, "", [], 0
        self._beat()
        expiry = self.leases.get(caller)
        is_alive = is_first or self._may_renew(expiry)
        if is_alive and expiry is not None:
            self.leases[caller] = self.now_ms + LEASE_MS
        codes = "".join(self._settle(settled) for settled in settles)
        due = self._promote()
        room, hint = self._allowed(want if is_alive else 0)
        claimed = self._claim(f"{caller}:{seq}", room, is_solo, types)
        if claimed:
            self.leases[caller] = self.now_ms + LEASE_MS
        elif is_alive and is_last:
            self.leases.pop(caller, None)
        self.requests[caller] = (seq, codes, claimed)
        return 1 if is_alive else 3, codes, claimed, min(filter(None, (due, hint)), default=0)

    def _beat(self) -> None:
        if self.beat_ms and not 0 <= self.now_ms - self.beat_ms <= LEASE_MS / 2:
            self.reap_after = self.now_ms + LEASE_MS
        self.beat_ms = self.now_ms

    def _may_renew(self, expiry: int | None) -> bool:
        return expiry is not None and (expiry >= self.now_ms or self.now_ms < self.reap_after)

    def _settle(self, settled: Settled) -> str:
        task = self.tasks.get(settled.id)
        if task is None or task.token != settled.token:
            return "2" if task and settled.token in task.settled_tokens else "0"
        kind, ms = settled.target[0], int(settled.target[1:] or 0)
        code, failure = "1", settled.failure
        if task.intent and kind != "c":
            kind, code, failure = "x", "3", ""
        task.settled_tokens.add(task.token)
        task.token = task.intent = ""
        task.cause = failure.partition("|")[0]
        self.counts[WORDS[kind]] += 1
        self.counts["failed"] += bool(failure)
        score = self.now_ms + ms if kind in "rs" else self.now_ms
        task.tries = _tries_of(settled.tries, 0 if kind == "d" else score)
        if kind in FINAL_TARGETS:
            self._finish(task, TARGETS[kind])
        elif kind == "p":
            task.ready("suspects" if task.tries and task.tries[1] >= 2 else "pending")
        else:
            task.put(TARGETS[kind], 0 if kind == "h" else score)
        return code

    def _promote(self) -> int:
        for task in self.tasks.values():
            if task.zset in ("delayed", "retry") and task.score <= self.now_ms:
                task.ready()
        waits = [task.score for task in self.tasks.values() if task.zset in ("delayed", "retry")]
        return min(waits, default=0)

    def _allowed(self, want: int) -> tuple[int, int]:
        if self.paused_until is not None:
            if self.paused_until == 0 or self.paused_until > self.now_ms:
                return 0, self.paused_until
            self.paused_until = None
        if self.concurrency:
            want = min(want, self.concurrency - len(self.at("active")))
        return max(want, 0), 0

    def at(self, zset: str) -> list[Known]:
        """Return the tasks of one place in order."""
        here = [task for task in self.tasks.values() if task.zset == zset]
        return sorted(here, key=lambda task: (task.score, task.id))

    def _claim(self, token: str, room: int, is_solo: bool, types: str) -> list[str]:
        if room < 1:
            return []
        chosen = self.at("suspects")[:1] if is_solo else []
        room = 1 if chosen else room
        for kind in types.split():
            chosen += [task for task in self.at("held") if task.type == kind]
        chosen = (chosen + self.at("pending"))[:room]
        return [task.id for task in chosen if self._start(task, token)]

    def _start(self, task: Known, token: str) -> bool:
        is_fresh = task.tries is None or task.tries[:2] == (0, 0)
        if is_fresh and 0 < task.expires_ms <= self.now_ms:
            self._finish(task, "cancelled")
            self.counts["cancelled"] += 1
            return False
        task.put("active", self.now_ms)
        task.token = token
        return True

    def renew(self, names: Sequence[str]) -> list[str]:
        """Renew leases; returns those that are lost."""
        self._beat()
        kept = [name for name in names if self._may_renew(self.leases.get(name))]
        self.leases |= dict.fromkeys(kept, self.now_ms + LEASE_MS)
        return [name for name in names if name not in kept]

    def reap(self, dead: Sequence[str], *, is_charged: bool) -> dict[str, str]:
        """Take back what the dead held; returns each task's outcome."""
        was_away = self.beat_ms and not 0 <= self.now_ms - self.beat_ms <= LEASE_MS / 2
        if not dead and not was_away and self.now_ms >= self.reap_after:
            dead = [name for name, expiry in self.leases.items() if expiry < self.now_ms]
        for name in dead:
            self.leases.pop(name, None)
        lost = [t for t in self.at("active") if t.token.rpartition(":")[0] not in self.leases]
        return {task.id: self._lose(task, int(is_charged)) for task in lost}

    def _lose(self, task: Known, charge: int) -> str:
        attempts, losses, _ = task.tries or (0, 0, 0)
        losses += charge
        task.tries = (attempts, losses, self.now_ms)
        self.counts["lost"] += charge
        intent, task.token, task.intent = task.intent, "", ""
        if intent or losses >= 3:
            outcome = "cancelled" if intent else "dead"
            task.cause = "" if intent else "poison"
            self._finish(task, outcome)
            self.counts[outcome] += 1
            return outcome
        self.counts["recovered"] += 1
        task.ready("suspects" if losses == 2 else "pending")
        return "suspect" if losses == 2 else "pending"

    # What operators do.

    def move(
        self,
        verb: MoveVerb,
        task_id: str,
        *,
        expect: str = "",
        purge_ms: int = TRASH_MS,
        due_ms: int = 0,
    ) -> str:
        """Act on one task; returns what is said of it."""
        task = self.tasks.get(task_id)
        if task is None:
            return "unknown"
        takes = TAKES[verb]
        if verb is MoveVerb.DELETE and purge_ms == 0:
            takes = (*takes, "trash")
        if task.state not in takes or expect not in ("", task.state):
            return task.state
        if task.state == "active":
            task.intent = "ada@host"
            return "intent"
        former = task.former[0] if task.former else ""
        if verb is MoveVerb.RETRY or (verb is MoveVerb.RESTORE and former in UNFINISHED):
            till_ms = task.former[3] if task.former and verb is MoveVerb.RESTORE else 0
            for_ms = till_ms - self.now_ms if till_ms else 0
            if task.unique and self._take_key(task.id, task.unique, for_ms, "raise"):
                return "unique"
            if till_ms and task.unique:
                self.unique[task.unique] = (task.id, till_ms)
        elif verb in (MoveVerb.CANCEL, MoveVerb.DELETE):
            key_till_ms = self._till_of(task)
            self._release_key(task)
            task.key_till_ms = key_till_ms
        self._act(verb, task, purge_ms, due_ms)
        return "moved"

    def _act(self, verb: MoveVerb, task: Known, purge_ms: int, due_ms: int) -> None:
        match verb:
            case MoveVerb.RETRY | MoveVerb.RUN:
                if verb is MoveVerb.RETRY:
                    task.tries = None
                task.cause, task.place_ms, task.expires_ms = "", self.now_ms, 0
                task.ready()
            case MoveVerb.CANCEL:
                self._finish(task, "cancelled")
                self.counts["cancelled"] += 1
            case MoveVerb.DELETE if purge_ms == 0:
                del self.tasks[task.id]
            case MoveVerb.DELETE:
                task.former = (task.zset, task.score, task.cause, task.key_till_ms)
                task.cause = ""
                task.put("trash", self.now_ms + purge_ms)
            case MoveVerb.RESTORE:
                assert task.former is not None
                zset, score, task.cause, _ = task.former
                task.put(zset, score)
                task.former = None
            case MoveVerb.RESCHEDULE:
                lasts_ms = task.expires_ms - task.place_ms
                is_later = due_ms > self.now_ms and task.expires_ms
                task.place_ms, task.expires_ms = due_ms, due_ms + lasts_ms if is_later else 0
                task.put("delayed", due_ms)

    # What is seen.

    def snapshot(self) -> dict[str, object]:
        """Return the whole key space, as `snapshot_of` reads it from Redis."""
        known = list(self.tasks.values())
        places = {zset: {task.id: task.score for task in self.at(zset)} for zset in PLACES}
        return {
            **places,
            "heads": {t.id: (t.priority, t.place_ms, t.expires_ms) for t in known},
            "claims": {task.id: task.token for task in known if task.token},
            "tries": {task.id: task.tries for task in known if task.tries},
            "cancels": {task.id for task in known if task.intent},
            "causes": {task.id: task.cause for task in known if task.cause},
            "trashed": {task.id: task.former for task in known if task.former},
            "unique": dict(self.unique),
            "leases": dict(self.leases),
            "counters": {name: count for name, count in self.counts.items() if count},
            "paused": self.paused_until,
        }


def _tries_of(tries: str, ready_ms: int) -> tuple[int, int, int] | None:
    if not tries:
        return None
    attempts, losses = tries.split("|")
    return int(attempts), int(losses), ready_ms
