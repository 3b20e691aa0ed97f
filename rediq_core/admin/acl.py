"""Redis users with the least that each part of Rediq needs: worker, producer, operator, read-only.

Scripts run with the rights of the user who sends them, so a user is kept from a deed by not being
allowed its commands. What a script sends is read from its text; plain commands are listed here. All
keys of a queue share one slot and cannot be told apart by role: a producer can read what is queued.
CONFIG is given to nobody, since it shows passwords.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rediq_core.scripts.commands import commands_of
from rediq_core.scripts.loader import load, script_names

# What stands where the password has to be put.
PASSWORD = "CHANGE-ME"  # noqa: S105 - a placeholder to be replaced by hand


class Role(StrEnum):
    """What a user is for."""

    WORKER = "worker"
    PRODUCER = "producer"
    OPERATOR = "operator"
    READONLY = "readonly"


# What every connection sends: scripts, and what is asked when one of them meets an odd key.
_CONNECTION = ("eval", "evalsha", "ping", "select", "client|setname", "info", "time", "type")
_CLUSTER = ("asking", "cluster|info", "cluster|slots")
_READS = (
    *("exists", "get", "hget", "hgetall", "hmget", "llen", "sismember", "smembers", "ttl"),
    *("xrange", "xrevrange", "zcard", "zlexcount", "zrange", "zrangebylex", "zrank", "zrevrange"),
    *("zrevrangebyscore", "zscore"),
)
_PRODUCES = ("sadd", "smembers", "hget", "hmget", "hdel", "rpush", "expire")
_WORKS = (
    *_PRODUCES,
    *("blpop", "del", "expire", "hgetall", "hset", "llen", "xadd", "zadd", "zrem"),
    *("zremrangebyscore", "zrevrangebyscore", "zscore", "zrange"),
)
_OPERATES = (
    *(*_WORKS, *_READS),
    *("renamenx", "scan", "srem", "zremrangebyrank"),
)
# Scripts that only operators send, and those that producers send.
_ACTS = frozenset(
    {
        "drop",
        "edit",
        "import",
        "limit",
        "moves",
        "pause",
        "record",
        "repair",
        "rescore",
        "run_group",
        "schedule_act",
    }
)
_SENDS = frozenset(
    {
        "enqueue",
        "register",
        "edges",
        "deliver",
        "moves",
        "schedule_act",
        "schedule_put",
        "waits",
        "order",
    }
)


def scripts_of(role: Role) -> tuple[str, ...]:
    """Return the scripts that a role may run."""
    reads = {name for name in script_names() if load(name).is_read_only}
    chosen = {
        Role.READONLY: reads,
        Role.PRODUCER: reads | _SENDS,
        Role.WORKER: (set(script_names()) - _ACTS) | _SENDS,
        Role.OPERATOR: set(script_names()),
    }
    return tuple(sorted(chosen[role]))


def commands_for(role: Role, *, is_cluster: bool = False) -> tuple[str, ...]:
    """Return every command that a role needs, in order of the alphabet."""
    plain = {
        Role.READONLY: _READS,
        Role.PRODUCER: _PRODUCES,
        Role.WORKER: _WORKS,
        Role.OPERATOR: _OPERATES,
    }[role]
    sent = {command.lower() for name in scripts_of(role) for command in commands_of(name)}
    return _sorted([*_CONNECTION, *plain, *sent, *(_CLUSTER if is_cluster else ())])


@dataclass(frozen=True, slots=True)
class UserRule:
    """One user.

    Attributes:
        role: What it is for.
        name: Its name.
        rule: Everything after `ACL SETUSER NAME`, with a placeholder for the password.
        commands: What it may send, by itself or in a script.
        scripts: What it may run to the end.
    """

    role: Role
    name: str
    rule: str
    commands: tuple[str, ...]
    scripts: tuple[str, ...]

    @property
    def command(self) -> str:
        """The whole command."""
        return f"ACL SETUSER {self.name} {self.rule}"


def acl_rules(namespace: str, *, is_cluster: bool = False) -> list[UserRule]:
    """Return a user for each role, over the keys of one namespace.

    Args:
        namespace: Prefix of every key.
        is_cluster: Also allow what finding a slot's node needs.
    """
    return [_user(namespace, role, is_cluster=is_cluster) for role in Role]


def _user(namespace: str, role: Role, *, is_cluster: bool) -> UserRule:
    commands = commands_for(role, is_cluster=is_cluster)
    allowed = " ".join(f"+{name}" for name in commands)
    rule = f"reset on >{PASSWORD} ~{namespace}:* -@all {allowed}"
    return UserRule(role, f"{namespace}-{role}", rule, commands, scripts_of(role))


def sentinel_rule(namespace: str) -> str:
    """Return the command for the Sentinels: the user that finds the master."""
    return f"ACL SETUSER {namespace}-sentinel reset on >{PASSWORD} -@all +ping +sentinel|masters"


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
