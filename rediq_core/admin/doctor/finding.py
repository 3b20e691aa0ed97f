"""What a doctor finds: one line a check, with a level, and what was done about it.

Values only. Texts may hold names from outside; whoever prints them neutralises them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from rediq_core.admin.access import Access
from rediq_core.clock import SYSTEM_CLOCK, Clock
from rediq_core.errors import RediqError

# Told after each piece: pieces done so far, pieces altogether.
OnProgress = Callable[[int, int], None]


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    ADVICE = "advice"  # works, but something will hurt one day
    FAULT = "fault"  # tasks are lost, stuck or hidden, or will be


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report.

    Attributes:
        check: Stable name of what was looked at, such as "eviction".
        level: How bad it is.
        text: What was found: one sentence, without a full stop.
        next_step: What to do, or "".
        queue: The queue it is about, or "".
        count: How many of them there are.
        samples: A few of them.
        is_fixable: `fix` repairs it.
        is_fixed: It was repaired just now.
    """

    check: str
    level: Level
    text: str
    next_step: str = ""
    queue: str = ""
    count: int = 0
    samples: tuple[str, ...] = ()
    is_fixable: bool = False
    is_fixed: bool = False

    @property
    def is_left(self) -> bool:
        """True for a fault that is still there."""
        return self.level is Level.FAULT and not self.is_fixed


@dataclass(frozen=True, slots=True)
class Checkup:
    """A whole report.

    Attributes:
        findings: In the order in which they were looked for.
        at_ms: Server time at the beginning.
        queues: Queues that were looked at.
        members: Members of their keys that were looked at.
    """

    findings: tuple[Finding, ...]
    at_ms: int
    queues: int
    members: int

    @property
    def left(self) -> tuple[Finding, ...]:
        """The faults that are still there."""
        return tuple(finding for finding in self.findings if finding.is_left)

    @property
    def fixed(self) -> tuple[Finding, ...]:
        """What was repaired."""
        return tuple(finding for finding in self.findings if finding.is_fixed)


@dataclass
class Patient:
    """What the checks share: how to reach it, what was read once, and whether to repair.

    Attributes:
        access: Where.
        by: Who repairs, as "user@host"; "" only looks.
        clock: This machine's clock.
        on_progress: Told after each piece.
        queues: The queues, in order; more are added as they are discovered.
        skipped: Queues whose content cannot be read.
        members: Members looked at so far.
    """

    access: Access
    by: str = ""
    clock: Clock = SYSTEM_CLOCK
    on_progress: OnProgress | None = None
    queues: list[str] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    members: int = 0

    @property
    def is_fixing(self) -> bool:
        """True if faults are to be repaired."""
        return bool(self.by)

    @cached_property
    def infos(self) -> Mapping[str, Mapping[str, str]]:
        """What INFO says, by node; only of those that answered."""
        link = self.access.executor.link
        replies = link.command_all("INFO", deadline_s=self.access.deadline_s)
        return {
            node: info_fields(bytes(reply))
            for node, reply in replies.items()
            if not isinstance(reply, RediqError)
        }

    @cached_property
    def is_cluster(self) -> bool:
        """True if any node says that it belongs to a Cluster."""
        return any(info.get("cluster_enabled") == "1" for info in self.infos.values())


Check = Callable[[Patient], Iterator[Finding]]


def info_fields(raw: bytes) -> dict[str, str]:
    """Read the lines of INFO."""
    lines = raw.decode("utf-8", "replace").splitlines()
    fields = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name: value for name, separator, value in fields if separator}


def whole(value: str | None) -> int:
    """Return the number of an INFO field, 0 for none."""
    return int(value) if value and value.lstrip("-").isdigit() else 0
