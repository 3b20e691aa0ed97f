"""Progress: what running handlers say of themselves, kept while their token holds.

A pure function; throttling belongs to whoever collects the reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rediq_core.connection.raw import Arg, Reply
from rediq_core.scripts.call import Call, Space
from rediq_core.scripts.loader import load

# Longest progress message kept, in characters.
MAX_MESSAGE = 200


class ProgressReport(NamedTuple):
    """What one handler said last.

    Attributes:
        id: The task.
        token: Its claim's token.
        percent: 0 to 100.
        message: Its words, or "".
    """

    id: str
    token: str
    percent: float
    message: str


def report_progress(space: Space, queue: str, reports: Sequence[ProgressReport]) -> Call[int]:
    """Keep the reports whose token still holds; returns how many. One round trip."""
    args: list[Arg] = []
    for report in reports:
        args += (report.id, report.token, f"{report.percent:g}", report.message[:MAX_MESSAGE])
    return space.call(load("progress"), queue, args, _read)


def _read(reply: Reply) -> int:
    return int(reply)
