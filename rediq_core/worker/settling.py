"""From how a run ended to the row that the exchange applies: target, timeline line, tries, cause.

Pure functions, on the hot path for completed runs. The line is JSON written here and never
rewritten; it holds the claim's token, by which a repeated settle is told from a lost one.
"""

from __future__ import annotations

import json
import random
import re

from rediq_core.handlers.outcomes import Outcome, Verdict
from rediq_core.handlers.settings import RunSettings
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.header import escape_key
from rediq_core.verbs.exchange import Settled

# Longest summary of a failure kept with its fingerprint, in characters.
MAX_SUMMARY = 160
# Note of a task that is handed back because its process knows nothing of it.
FORGOTTEN = "its settle was lost with a Redis that is gone"
# Losses after which a task is dead; reap.lua decides the same for lost leases.
MAX_LOSSES = 3
# Losses after which it is a suspect and runs alone; reap.lua decides the same.
SUSPECT_LOSSES = 2


def completed(task: ClaimedTask, run_ms: int, result_json: bytes, keep_ms: int) -> Settled:
    """Settle a run that returned."""
    line = (
        f'{{"o":"completed","a":{task.attempt},"k":"{task.token}","c":{task.claimed_ms},'
        f'"w":{task.claimed_ms - task.ready_ms},"d":{run_ms}'
    )
    return Settled(
        task.id,
        task.token,
        f"c{keep_ms}" if keep_ms else "c",
        f'{line},"r":{result_json.decode()}}}\n' if result_json else line + "}\n",
        "",
        "",
        escape_key(task.unique_key) if task.unique_key else "",
    )


def failed(
    task: ClaimedTask, run_ms: int, outcome: Outcome, settings: RunSettings, rng: random.Random
) -> Settled:
    """Settle a run that raised: retry while attempts are left, else dead; or snooze."""
    failure = outcome.failure
    details = {"e": failure.error_type, "m": failure.message, "p": failure.fingerprint}
    if failure.traceback:
        details["b"] = failure.traceback
    if outcome.verdict is Verdict.SNOOZE:
        # Uses up no attempt, and is no failure: no cause is kept.
        line = _line(task, run_ms, "snoozed", {"n": failure.message})
        return _settled(
            task, f"s{outcome.delay_ms or 0}", line, tries=_tries(task, task.attempt - 1)
        )
    summary = f"{failure.error_type}: {failure.message}".replace("\n", " ")[:MAX_SUMMARY]
    cause = f"{failure.fingerprint}|{summary}"
    tries = f"{task.attempt}|0"
    if outcome.verdict is Verdict.RETRY and task.attempt <= settings.max_retry:
        delay_ms = outcome.delay_ms
        if delay_ms is None:
            delay_ms = settings.backoff.delay_ms(task.attempt, rng)
        line = _line(task, run_ms, "retry", details)
        return _settled(task, f"r{delay_ms}", line, tries=tries, failure=cause)
    line = _line(task, run_ms, "dead", details)
    keep = str(settings.keep_ms) if settings.keep_ms else ""
    return _settled(task, f"d{keep}", line, tries=tries, failure=cause)


def released(task: ClaimedTask, run_ms: int, reason: str) -> Settled:
    """Hand a task back: to pending at its place, its attempt not counted."""
    line = _line(task, run_ms, "released", {"n": reason})
    return _settled(task, "p", line, tries=_tries(task, task.attempt - 1))


def lost(task: ClaimedTask, run_ms: int) -> Settled:
    """Charge a run whose handler process died: it ran alone, so the loss is this task's own."""
    losses = task.losses + 1
    tries = f"{task.attempt - 1}|{losses}"
    if losses < MAX_LOSSES:
        return _settled(task, "p", _line(task, run_ms, "lost", {}), tries=tries)
    cause = f"poison|Poison: lost its handler process {losses} times"
    return _settled(task, "d", _line(task, run_ms, "poison", {}), tries=tries, failure=cause)


def held(task: ClaimedTask) -> Settled:
    """Put a task aside whose type this worker does not know; its attempt is not counted."""
    line = _line(task, 0, "held", {"n": "no handler for this type here"})
    tries = _tries(task, task.attempt - 1) if task.attempt > 1 or task.losses else ""
    return _settled(task, "h", line, tries=tries)


def unreadable(task_id: str, token: str, message: str) -> Settled:
    """Bury a task whose stored form is damaged: nobody can run it."""
    details = {"o": "dead", "a": 1, "k": token, "c": 0, "d": 0, "e": "SchemaMismatch", "m": message}
    line = json.dumps(details, separators=(",", ":")) + "\n"
    return Settled(task_id, token, "d", line, "1|0", f"damaged|{message[:MAX_SUMMARY]}", "")


def forgotten(task_id: str, token: str, tries: bytes | None, now_ms: int) -> Settled:
    """Hand back a task whose settle a failover lost: it runs again, as if it had not run.

    Args:
        task_id: The task.
        token: The claim that is still on record.
        tries: Its row of tries, or None.
        now_ms: The server's time.
    """
    # A damaged row goes, as with any settle that has none to keep.
    row = re.match(rb"(\d+)\|(\d+)\|", tries or b"")
    attempts, losses = (int(row[1]), int(row[2])) if row else (0, 0)
    details = {"o": "released", "a": attempts + 1, "k": token, "c": now_ms, "w": 0, "d": 0}
    note = {"n": FORGOTTEN}
    line = json.dumps(details | note, separators=(",", ":")) + "\n"
    kept = f"{attempts}|{losses}" if row else ""
    return Settled(task_id, token, "p", line, kept, "", "")


def _tries(task: ClaimedTask, attempts: int) -> str:
    return f"{attempts}|{task.losses}"


def _line(task: ClaimedTask, run_ms: int, kind: str, details: dict[str, str]) -> str:
    head = {
        "o": kind,
        "a": task.attempt,
        "k": task.token,
        "c": task.claimed_ms,
        "w": task.claimed_ms - task.ready_ms,
        "d": run_ms,
    }
    return json.dumps(head | details, separators=(",", ":")) + "\n"


def _settled(
    task: ClaimedTask, target: str, line: str, *, tries: str = "", failure: str = ""
) -> Settled:
    unique = escape_key(task.unique_key) if task.unique_key else ""
    return Settled(task.id, task.token, target, line, tries, failure, unique)
