"""Deeds on queues and groups: pause, limit, enqueue, remove, run.

As for tasks: names are held as they were when the key was pressed. What can be turned back carries
the deed that does it, so that one key takes back the last mistake.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from rediq_cli.dash.deeds import Deed, Entry, Form, Outcome, Tier
from rediq_cli.dash.hands import Given, Hands
from rediq_cli.output.humanise import count
from rediq_core.admin import Conduct
from rediq_core.errors import InvalidOption
from rediq_core.model.durations import duration_ms
from rediq_core.model.limits import changes
from rediq_core.model.task import Task
from rediq_core.model.views import QueueView

Change = Callable[[Hands], str]


def simple(
    change: Change, undo: Callable[[], Deed] | None = None, note: str = ""
) -> Callable[[Hands, Conduct, Given], Outcome]:
    """Return an act of one call, which says what it did."""

    def act(hands: Hands, conduct: Conduct, given: Given) -> Outcome:
        del conduct, given
        return Outcome(change(hands), note, undo() if undo else None)

    return act


def _each(names: Sequence[str], change: Callable[[Hands, str], object], past: str) -> Change:
    def all_of(hands: Hands) -> str:
        for name in names:
            change(hands, name)
        return f"{past} {' '.join(names)}"

    return all_of


# Queues.


def pause(queues: Sequence[str], reason: str = "", until: str = "") -> Deed:
    """Return what stops handing out tasks of queues.

    Args:
        queues: Their names.
        reason: Why, or "".
        until: Resume by themselves after this, such as "30m", or "".

    Raises:
        InvalidOption: That is no duration.
    """
    length_ms = duration_ms(until, "for") if until else 0

    def change(hands: Hands, queue: str) -> None:
        until_ms = hands.admin.access.now_ms() + length_ms if length_ms else 0
        hands.admin.pause(queue, hands.by, reason, until_ms)

    why = ("--reason", reason) if reason else ()
    ends = ("--for", until) if until else ()
    act = simple(
        _each(queues, change, "paused"),
        partial(resume, queues),
        "what runs goes on; the rest is kept",
    )
    return Deed(
        f"Pause {' '.join(queues)}",
        "pausing",
        ("queue", "pause", *queues, *why, *ends),
        act,
        name=queues[0],
    )


def resume(queues: Sequence[str]) -> Deed:
    """Return what hands out tasks of queues again."""

    def change(hands: Hands, queue: str) -> None:
        hands.admin.resume(queue, hands.by)

    act = simple(_each(queues, change, "resumed"), partial(pause, queues))
    return Deed(
        f"Resume {' '.join(queues)}", "resuming", ("queue", "resume", *queues), act, name=queues[0]
    )


def toggle(queues: Sequence[QueueView]) -> Deed:
    """Return what resumes queues if all of them are paused, else pauses those that are not."""
    running = [queue.name for queue in queues if queue.pause is None]
    return pause(running) if running else resume([queue.name for queue in queues])


def pause_form(queues: Sequence[str]) -> Form:
    """Return the form that pauses queues with a reason and an end."""
    return Form(
        f"Pause {' '.join(queues)}",
        (
            Entry("reason", "Reason", "shown wherever the queue is"),
            Entry("until", "For", "30m, then it resumes by itself; empty: until you resume it"),
        ),
        lambda given: pause(queues, given["reason"].strip(), given["until"].strip()),
        facts=("Nothing more is handed out. What runs goes on, what is pending stays.",),
        go="Pause",
    )


def limit_form(queue: QueueView) -> Form:
    """Return the form that overrides a queue's limits."""
    now = queue.limits.live.texts()

    def make(given: Mapping[str, str]) -> Deed:
        wanted = {name: text.strip() for name, text in given.items()}
        if wanted["reset"].lower() in ("y", "yes"):
            return reset_limits(queue.name)
        named = {name: text for name, text in wanted.items() if text and name != "reset"}
        return limit(queue.name, named)

    return Form(
        f"Limits of {queue.name}",
        (
            Entry(
                "concurrency", "Concurrency", f"{now.get('concurrency', 'none')} now; 20, or none"
            ),
            Entry("rate", "Rate", f"{now.get('rate', 'none')} now; 100/m, or none"),
            Entry("aging", "Aging", f"{now.get('aging', 'none')} now; 60s, or none"),
            Entry("max_len", "Max length", f"{now.get('max_len', 'none')} now; 5000, or none"),
            Entry("reset", "Reset", "yes: follow the configuration again"),
        ),
        make,
        facts=("Over all workers, at once, until it is reset. Empty fields stay as they are.",),
        go="Set limits",
    )


def limit(queue: str, named: Mapping[str, str]) -> Deed:
    """Return what overrides limits of a queue.

    Raises:
        InvalidOption: A value cannot be read, or there is none.
    """
    if not named:
        raise InvalidOption("nothing is to be changed.", next_step="Fill in a field.")
    changes(**named)

    def change(hands: Hands) -> str:
        hands.admin.limit(queue, by=hands.by, **named)
        told = ", ".join(f"{name} {value}" for name, value in named.items())
        return f"limited {queue}: {told}"

    options = [
        word for name, value in named.items() for word in (f"--{name.replace('_', '-')}", value)
    ]
    return Deed(
        f"Limit {queue}",
        "limiting",
        ("queue", "limit", queue, *options),
        simple(change),
        name=queue,
    )


def reset_limits(queue: str) -> Deed:
    """Return what lets a queue's limits be as the configuration declares them."""

    def change(hands: Hands) -> str:
        hands.admin.reset_limits(queue, by=hands.by)
        return f"{queue} follows its configuration again"

    return Deed(
        f"Reset the limits of {queue}",
        "resetting",
        ("queue", "limit", queue, "--reset"),
        simple(change),
        name=queue,
    )


def remove(queue: QueueView) -> Deed:
    """Return what forgets an empty queue."""
    left = sum(queue.counts.values())

    def change(hands: Hands) -> str:
        hands.admin.delete_queue(queue.name, by=hands.by)
        return f"removed queue {queue.name}"

    facts = [
        "Its limits, its pause, its counters and its history are forgotten.",
        f"It holds {count(left, 'task')}, so it will be refused." if left else "It holds no task.",
    ]
    if queue.workers:
        facts.append(f"{count(queue.workers, 'live worker')} take it: its next task makes it anew.")
    return Deed(
        f"Remove queue {queue.name}",
        "removing",
        ("queue", "delete", queue.name, "--confirm", queue.name),
        simple(change),
        Tier.NAME,
        name=queue.name,
        facts=tuple(facts),
    )


def enqueue_form(queue: str) -> Form:
    """Return the form that enqueues a task."""

    def make(given: Mapping[str, str]) -> Deed:
        return enqueue(queue, {name: text.strip() for name, text in given.items()})

    return Form(
        f"Enqueue a task in {queue}",
        (
            Entry("type", "Type", "order:payment"),
            Entry("payload", "Payload", '{"order": 7}; JSON, empty for none'),
            Entry("delay", "Delay", "2h; empty: now"),
            Entry("priority", "Priority", "0 most urgent, 100 least", "50"),
        ),
        make,
        go="Enqueue",
    )


def enqueue(queue: str, given: Mapping[str, str]) -> Deed:
    """Return what enqueues a task.

    Raises:
        InvalidOption, InvalidPayload: Something of it is not allowed.
    """
    payload, delay, priority = (
        given.get("payload"),
        given.get("delay"),
        given.get("priority") or "50",
    )
    try:
        content = json.loads(payload) if payload else None
    except ValueError as error:
        raise InvalidOption("the payload is not JSON.", cause=f"{error}.") from error
    if not priority.isdecimal():
        raise InvalidOption("the priority is a number from 0 to 100.")
    task: Task[object] = Task(
        given["type"], content, queue=queue, priority=int(priority), delay=delay or None
    )

    def change(hands: Hands) -> str:
        task_id = hands.client.enqueue(task)
        return f"enqueued {task.type} in {queue} as …{task_id[-7:]}"

    words = ["task", "enqueue", task.type, "--queue", queue]
    words += ["--payload", payload] if payload else []
    words += ["--delay", delay] if delay else []
    words += ["--priority", priority] if priority != "50" else []
    return Deed(
        f"Enqueue {task.type} in {queue}", "enqueueing", tuple(words), simple(change), name=queue
    )


def run_group(name: str) -> Deed:
    """Return what makes a group ripe now.

    Args:
        name: QUEUE/TYPE/GROUP.
    """

    def change(hands: Hands) -> str:
        return f"{name} is ripe with {count(hands.admin.run_group(name, hands.by), 'member')}"

    queue = name.partition("/")[0]
    return Deed(f"Run group {name}", "running", ("group", "run", name), simple(change), name=queue)
