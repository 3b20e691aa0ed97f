"""Groups: how they are collected, which there are, and making one ripe.

Pure functions. Members join and leave in the scripts that move tasks (lib/groups.lua); a claim of
the exchange takes a whole group.
"""

from __future__ import annotations

from collections.abc import Mapping

from rediq_core.connection.raw import Arg, Reply
from rediq_core.model.groups import DEFAULT_RULE, GroupPage, GroupRule, GroupView
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Groups of one page or one step of a walk: a call blocks the server.
MAX_GROUPS = 500


def declare_groups(
    space: Space, queue: str, rules: Mapping[str, GroupRule], *, cursor: str = ""
) -> Call[str]:
    """Say how groups are collected, by type: one round trip, O(1) if nothing changed.

    Returns a cursor: call again with it until it is "0". Groups that collect already are held to
    the new rule, counted from now.
    """
    args: list[Arg] = [cursor, MAX_GROUPS]
    for kind, rule in sorted(rules.items()):
        args += [kind, rule.words()]
    return space.call(load("declare_groups"), queue, args, lambda reply: str(reply[1], "ascii"))


def read_groups(
    space: Space, queue: str, *, start: int = 0, limit: int = MAX_GROUPS, name: str = ""
) -> Call[GroupPage]:
    """Read a page of a queue's groups: one round trip, O(log n) a group.

    Args:
        space: Namespace and clock.
        queue: The queue.
        start: 0, or `next_start` of the page before.
        limit: Entries looked at, up to MAX_GROUPS; a group has one or two.
        name: "type/group" to read that one alone.
    """

    def read(reply: Reply) -> GroupPage:
        now_ms, next_start, *rows = reply
        groups = (_group_of(rows[at : at + 5], queue, now_ms) for at in range(0, len(rows), 5))
        # A group that collects has two entries: the second tells nothing new.
        return GroupPage(tuple(dict.fromkeys(groups)), next_start)

    return space.call(load("read_groups"), queue, [start, min(limit, MAX_GROUPS), name], read)


def _group_of(row: list[Reply], queue: str, now_ms: int) -> GroupView:
    name, due_ms, size, first_id, words = row
    kind, _, group = name.decode("utf-8", "replace").partition("/")
    rule = GroupRule(*map(int, words.split(b"|"))) if words else DEFAULT_RULE
    first = first_id.decode("utf-8", "replace")
    return GroupView(queue, kind, group, size, first, due_ms, rule, bool(words), now_ms)


def run_group(space: Space, queue: str, name: str, *, by: str) -> Call[int]:
    """Make a group ripe now; returns how many members it has, 0 if there is none. One round trip.

    Args:
        space: Namespace and clock.
        queue: The queue.
        name: "type/group".
        by: Who does it, as "user@host".
    """
    return space.call(load("run_group"), queue, [name, by], lambda reply: int(reply[1]))
