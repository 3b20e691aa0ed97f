"""Deeds on schedules and workers: run, pause, resume, delete, stop.

As for tasks: names are held as they were when the key was pressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rediq_cli.dash.deeds import Deed, Entry, Form, Tier
from rediq_cli.dash.hands import Hands
from rediq_cli.dash.queue_deeds import simple
from rediq_cli.output.humanise import count
from rediq_core.admin import Do
from rediq_core.model.schedule import ScheduleView
from rediq_core.model.views import WorkerView


def run_schedule(name: str) -> Deed:
    """Return what enqueues an occurrence of a schedule now."""

    def change(hands: Hands) -> str:
        return f"enqueued …{hands.admin.run_schedule(name, hands.by)[-20:]} for {name}"

    return Deed(
        f"Run schedule {name} now", "running", ("schedule", "run", name), simple(change), name=name
    )


def pause_schedule(name: str, reason: str = "") -> Deed:
    """Return what stops a schedule from firing."""

    def change(hands: Hands) -> str:
        hands.admin.pause_schedule(name, hands.by, reason)
        return f"paused schedule {name}"

    why = ("--reason", reason) if reason else ()
    return Deed(
        f"Pause schedule {name}",
        "pausing",
        ("schedule", "pause", name, *why),
        simple(change, partial(resume_schedule, name), "what falls due meanwhile passes by"),
        name=name,
    )


def pause_schedule_form(name: str) -> Form:
    """Return the form that pauses a schedule with a reason."""
    return Form(
        f"Pause schedule {name}",
        (Entry("reason", "Reason", "kept in the audit"),),
        lambda given: pause_schedule(name, given["reason"].strip()),
        facts=("What falls due meanwhile passes by. A deploy does not start it again.",),
        go="Pause",
    )


def resume_schedule(name: str) -> Deed:
    """Return what lets a schedule fire again."""

    def change(hands: Hands) -> str:
        hands.admin.resume_schedule(name, hands.by)
        return f"resumed schedule {name}"

    return Deed(
        f"Resume schedule {name}",
        "resuming",
        ("schedule", "resume", name),
        simple(change, partial(pause_schedule, name)),
        name=name,
    )


def toggle_schedule(schedule: ScheduleView) -> Deed:
    """Return what resumes a paused schedule, or pauses one that is not."""
    return (
        pause_schedule(schedule.name) if schedule.pause is None else resume_schedule(schedule.name)
    )


def delete_schedule(schedule: ScheduleView) -> Deed:
    """Return what removes a schedule and its history."""

    def change(hands: Hands) -> str:
        hands.admin.delete_schedule(schedule.name, hands.by)
        return f"deleted schedule {schedule.name}"

    comes_back = "A configuration declares it: the next worker with it adds it again."
    return Deed(
        f"Delete schedule {schedule.name}",
        "deleting",
        ("schedule", "delete", schedule.name, "--yes"),
        simple(change),
        Tier.YES,
        name=schedule.name,
        facts=(
            f"{schedule.cron} {schedule.timezone}: {schedule.type} in {schedule.queue}",
            "Its history goes too; tasks that it enqueued stay.",
            *((comes_back,) if schedule.source == "config" else ()),
        ),
    )


_PAST = {Do.PAUSE: "to claim nothing more", Do.RESUME: "to claim again", Do.STOP: "to stop"}


def tell_workers(workers: Sequence[WorkerView], do: Do) -> Deed:
    """Return what tells workers to pause, to go on, or to stop."""
    names = [worker.id for worker in workers]
    busy = sum(worker.busy for worker in workers)

    def change(hands: Hands) -> str:
        for name in names:
            hands.admin.tell_worker(name, do, by=hands.by)
        return f"told {count(len(names), 'worker')} {_PAST[do]}"

    facts = {
        Do.PAUSE: f"Claims nothing more and stays. {count(busy, 'running task')} go on.",
        Do.RESUME: "Claims again.",
        Do.STOP: f"Finishes {count(busy, 'running task')}, then exits. Nothing takes its place.",
    }
    return Deed(
        f"{do.value.capitalize()} {names[0] if len(names) == 1 else count(len(names), 'worker')}",
        "telling",
        ("worker", do.value, names[0], *((f"+{len(names) - 1}",) if len(names) > 1 else ())),
        simple(change, None if do is Do.STOP else partial(_turned_back, workers, do)),
        Tier.AT_ONCE if do is Do.RESUME else Tier.YES,
        name=workers[0].host,
        facts=(facts[do],),
        samples=tuple(names[:3]),
    )


def _turned_back(workers: Sequence[WorkerView], do: Do) -> Deed:
    return tell_workers(workers, Do.RESUME if do is Do.PAUSE else Do.PAUSE)
