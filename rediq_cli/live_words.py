"""Words for a shell that only the server knows: queues, tasks, workers.

What an argument takes is told by how help names it, so a new command completes by itself. Whatever
goes wrong, nothing is offered: completion is never an error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rediq_cli.options import profile_by_environment
from rediq_core.errors import RediqError

if TYPE_CHECKING:
    from rediq_core.config.server import ServerChoice

STATES = ("pending", "active", "delayed", "retry", "waiting", "completed", "dead", "cancelled")
# How help names an argument → what it takes; whether of a state too.
_QUEUES = {"QUEUE": False, "QUEUE...": False, "SEL": True, "SEL...": True}
_WHERE = {"WHERE", "WHERE...", "QUEUE|ID"}
_OPTIONS = {
    "--url": "url",
    "-c": "config",
    "--config": "config",
    "-P": "profile",
    "--profile": "profile",
}


def live_words(noun: str, metavar: str, current: str, given: Sequence[str]) -> list[str]:
    """Return what may stand for an argument, whatever it begins with.

    Args:
        noun: The command's first word: an ID is a worker's behind `worker`, else a task's.
        metavar: How help names the argument.
        current: What is typed of it: "dead:" is followed by queues.
        given: The global options of the command line.
    """
    try:
        return _words(noun, metavar, current, given)
    except RediqError:  # a configuration that cannot be read
        return []


def _words(noun: str, metavar: str, current: str, given: Sequence[str]) -> list[str]:
    from rediq_core.admin.names import Kind, names_of  # noqa: PLC0415 - start-up: few words need it

    if metavar == "ID":
        kind = Kind.WORKERS if noun == "worker" else Kind.TASKS
        return names_of(kind, _server(given))
    if metavar not in _QUEUES and metavar not in _WHERE:
        return []
    queues = names_of(Kind.QUEUES, _server(given))
    state, colon, _ = current.partition(":")
    if colon and state in (*STATES, "all", "trash"):
        return [f"{state}:{queue}" for queue in queues]
    takes_states = _QUEUES.get(metavar, metavar != "QUEUE|ID")
    return [*queues, *(STATES if takes_states else ())]


def _server(given: Sequence[str]) -> ServerChoice:
    """Choose the server as the command would, by the options typed so far."""
    from rediq_core.config.quick import resolve_server  # noqa: PLC0415 - as above
    from rediq_core.embedded import running_url  # noqa: PLC0415 - as above

    said = _options(given)
    config = said.get("config")
    return resolve_server(
        said.get("url"),
        os.environ,
        Path(config) if config else None,
        Path.cwd(),
        profile=said.get("profile") or profile_by_environment() or "",
        find_embedded=running_url,
    )


def _options(given: Sequence[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    words = iter(given)
    for word in words:
        name, equals, value = word.partition("=")
        if name in _OPTIONS:
            said[_OPTIONS[name]] = value if equals else next(words, "")
    return said
