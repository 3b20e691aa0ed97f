"""The engine with a mistake in it, in a copy: what the judge must notice.

Every mutant is a mistake that a queue could ship with. Its text is replaced in a copy of the
packages, and the whole harness runs from there, so production code has no switch for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.chaos.report import VARIABLE
from tests.support.planted import plant

_LUA = "rediq_core/scripts/lua"


class Mutant(NamedTuple):
    """In this file, this text, replaced by that; the faults under which it shows, and as what."""

    path: str
    right: str
    wrong: str
    faults: str
    finding: str


MUTANTS = {
    "a settle needs no token": Mutant(
        f"{_LUA}/lib/settle.lua",
        "if tokens[i] ~= token or seen[id] then",
        "if not tokens[i] then",
        "stop_worker",
        r"which had lost its claim|settled 2 times",
    ),
    "a settled task stays active": Mutant(
        f"{_LUA}/lib/settle.lua",
        "redis.call('ZREM', k_active, unpack(gone))",
        "",
        "drop_replies,reset",
        r"in active and completed|in completed and active|claimed but|active without a token",
    ),
    "a claim has no lease": Mutant(
        f"{_LUA}/lib/claim.lua",
        "if #claimed > 0 then redis.call('ZADD', k_leases, int(now + lease_ms), a_caller) end",
        "",
        "drop_replies,reset",
        r"active without a lease",
    ),
    "a reaper forgets a row": Mutant(
        f"{_LUA}/reap.lua",
        "for i = 1, #ids do\n  local incarnation",
        "for i = 2, #ids do\n  local incarnation",
        "kill_child,kill_worker",
        r"active for ever|active without a lease",
    ),
    "a reaper leaves the token": Mutant(
        f"{_LUA}/reap.lua",
        "redis.call('HDEL', k_claims, unpack(gone))",
        "",
        "kill_child,kill_worker",
        r"claimed but pending|claimed but",
    ),
    "an outage is a death": Mutant(
        f"{_LUA}/lib/beat.lua",
        "if last > 0 and (now - last > lease_ms / 2 or last > now) then",
        "if false then",
        "restart_server,pause_server",
        r"was taken away",
    ),
    "a repeated exchange claims again": Mutant(
        f"{_LUA}/exchange.lua",
        "if tonumber(seq) == tonumber(a_seq) then return repeat_reply(due, codes, ids) end",
        "",
        "drop_replies",
        r"active for ever|was run twice|was taken away|claimed and forgotten",
    ),
    "an enqueue is acknowledged before it is stored": Mutant(
        "rediq_core/client/aio.py",
        "            except RediqError as error:\n                results = [error] * len(batch)",
        "            except RediqError:\n"
        "                results = [task.id for task, _, _ in batch]",
        "restart_server,refuse",
        r"no server knows it",
    ),
    "a batch stores all but its last": Mutant(
        f"{_LUA}/enqueue_plain.lua",
        "redis.call('HSET', k_tasks, unpack(rows))",
        "if n > 1 then rows[#rows], rows[#rows - 1] = nil, nil end\n"
        "redis.call('HSET', k_tasks, unpack(rows))",
        "reset",
        r"unknown but in pending|no server knows it",
    ),
    "a finished parent tells nobody": Mutant(
        f"{_LUA}/lib/final.lua",
        "local function tell_children(id)\n",
        "local function tell_children(id)\n  if true then return end\n",
        "reset",
        r"is waiting for ever",
    ),
    "priorities are ignored": Mutant(
        f"{_LUA}/enqueue_plain.lua",
        "int(now + tonumber(priority) * step), id",
        "int(now), id",
        "stop_worker,kill_worker",
        r"more urgent",
    ),
    "a unique key is never taken": Mutant(
        f"{_LUA}/lib/unique.lua",
        "  has_unique = true\n  redis.call('HSET', k_unique, unique, id .. '|' .. till)",
        "  has_unique = true",
        "reset",
        r"key k\d was",
    ),
}
# What the server itself must promise; without it a restart loses what was acknowledged.
FORGETFUL = "a server keeps nothing over a kill"
NAMES = (*MUTANTS, FORGETFUL)
# What has not finished by then did not for the mistake's sake, or is not what is looked for.
DRAIN_S = 20


def finding_of(name: str) -> str:
    """Return a pattern of what the judge has to say of a mutant."""
    return MUTANTS[name].finding if name in MUTANTS else "no server knows it"


def run_mutant(name: str, folder: Path, *, seconds: float, seed: str) -> tuple[int, str]:
    """Run chaos on a mutant in its own process; return its exit code and what it printed."""
    root = folder / "copy"
    edits = [MUTANTS[name][:3]] if name in MUTANTS else []
    plant(root, edits, "tests/chaos", "tests/support")
    faults = MUTANTS[name].faults if name in MUTANTS else "restart_server"
    words = ["--seconds", str(seconds), "--seed", seed, "--faults", faults, "--drain", str(DRAIN_S)]
    if name == FORGETFUL:
        words.append("--forgetful")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), VARIABLE: str(folder / "report.json")},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr
