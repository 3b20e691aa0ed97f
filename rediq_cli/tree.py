"""The table of commands: which noun is served by which module.

Data only, so that `rediq --help`, typing errors and completion of the first word cost no import
of Typer or of any command. A module is imported when its noun is used. Verbs are declared in the
modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rediq_cli.leaf import Group


@dataclass(frozen=True, slots=True)
class Noun:
    """One first word.

    Attributes:
        name: The word.
        summary: One line for help.
        section: Heading it stands under in help.
        verbs: The second words that help shows; empty if the noun is itself a command.
        is_monitor: It ends with the exit codes of a monitoring plugin, whatever happens.
    """

    name: str
    summary: str
    section: str
    verbs: tuple[str, ...] = ()
    is_monitor: bool = False

    @property
    def module(self) -> str:
        """Return the module that declares the noun's commands."""
        return f"rediq_cli.commands.{self.name}"


NOUNS: dict[str, Noun] = {
    noun.name: noun
    for noun in (
        Noun("demo", "see it work: a server, a worker and live orders", "Start here"),
        Noun("dash", "watch and repair everything, full screen", "Start here"),
        Noun(
            "queue",
            "what is queued, and whether it moves",
            "Operate",
            ("list", "inspect", "pause", "resume", "limit", "flush", "wait-empty", "delete"),
        ),
        Noun(
            "task",
            "find, add and repair tasks",
            "Operate",
            (
                *("list", "inspect", "enqueue", "result", "retry", "run", "reschedule", "cancel"),
                *("delete", "restore", "edit", "graph", "export", "import"),
            ),
        ),
        Noun(
            "group",
            "tasks that are collected to run together",
            "Operate",
            ("list", "inspect", "run"),
        ),
        Noun("failures", "why tasks are in retry and dead, one row a cause", "Operate"),
        Noun("audit", "what operators did", "Operate"),
        Noun("undo", "take back what was deleted in the last 24 h", "Operate"),
        Noun(
            "op",
            "what was done to many tasks, and going on with what was stopped",
            "Operate",
            ("list", "inspect", "resume"),
        ),
        Noun(
            "schedule",
            "what runs again and again (alias cron)",
            "Operate",
            ("list", "inspect", "add", "run", "pause", "resume", "delete", "history"),
        ),
        Noun("why", "why does this queue or task not run, and what changes that", "Operate"),
        Noun("events", "what happened last, and what happens now", "Operate"),
        Noun("doctor", "find what loses, hides or holds up tasks, and repair it", "Operate"),
        Noun(
            "check",
            "one line and an exit code for monitoring systems",
            "Operate",
            is_monitor=True,
        ),
        Noun(
            "worker",
            "run workers, see them and tell them what to do",
            "Operate",
            ("start", "list", "inspect", "pause", "resume", "stop"),
        ),
        Noun("stats", "what queues did: counts, rates, percentiles, forecasts", "Operate"),
        Noun(
            "redis",
            "the server in use, and the embedded one",
            "Set up",
            ("start", "stop", "status"),
        ),
        Noun(
            "config",
            "write, show and check the configuration",
            "Set up",
            ("init", "show", "set", "check", "acl"),
        ),
        Noun("metrics", "numbers for Prometheus, without a worker", "Set up"),
        Noun("bench", "measure this server", "Set up", ("enqueue", "drain", "latency")),
    )
}

NOUN_ALIASES: dict[str, str] = {"cron": "schedule"}
"""Other first words that mean a noun."""

VERB_ALIASES = {"list": "ls", "inspect": "show", "delete": "rm"}
"""The short form of a verb, wherever the verb exists."""


def load(noun: Noun) -> Group:
    """Import the module of a noun and return its commands."""
    group: Group = import_module(noun.module).GROUP
    # A noun's commands may be declared in several modules; the table says their order.
    order = [verb for verb in noun.verbs if verb in group.leaves]
    group.leaves = {verb: group.leaves[verb] for verb in dict.fromkeys([*order, *group.leaves])}
    return group
