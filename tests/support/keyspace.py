"""The key space of one queue, read from Redis in the terms of `tests.support.model`."""

from __future__ import annotations

from tests.support.rig import PLACES, Rig


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
        zset, score, _, cause, *till_ms = row.split("|")
        trashed[task_id] = (zset, int(float(score)), cause, int(till_ms[0]) if till_ms else 0)
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
