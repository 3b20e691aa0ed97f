"""The keys that act: on queues, tasks, failures, schedules and workers, and on copies of them.

Lower case never loses data. What ends in "…" asks before it acts. Part of `keymap.KEYS`.
"""

from __future__ import annotations

from rediq_cli.dash.keyrow import Key, Scope

_G, _Q, _K = Scope.GLOBAL, Scope.QUEUES, Scope.TASKS
_W, _S, _F = Scope.WORKERS, Scope.SCHEDULES, Scope.FAILURES

DEED_KEYS: tuple[Key, ...] = (
    Key("undo", "u", "undo", "take marks away; else take back the last deed", _G, "undo", 60),
    Key("toast", "ctrl+l", "close_toast", "close what is said of the last deed", _G),
    # Queues.
    Key("queue.pause", "p", "pause", "pause, or resume", _Q, "pause", 3, is_write=True),
    Key("queue.pause_why", "P", "pause_why", "pause, with a reason and an end", _Q, is_write=True),
    Key("queue.enqueue", "e", "enqueue", "enqueue a task", _Q, "enqueue", 30, is_write=True),
    Key(
        "queue.limit",
        "L",
        "limit",
        "concurrency, rate and other limits",
        _Q,
        "limits",
        31,
        is_write=True,
    ),
    Key(
        "queue.retry",
        "R",
        "retry_dead",
        "retry all dead tasks…",
        _Q,
        "retry dead…",
        4,
        is_write=True,
    ),
    Key("queue.flush", "F", "flush", "flush the pending tasks…", _Q, "flush…", 5, is_write=True),
    Key("queue.remove", "X", "remove", "remove an empty queue…", _Q, "remove…", 45, is_write=True),
    # Tasks.
    Key(
        "task.again",
        "r",
        "again",
        "run again: dead afresh, delayed and retry now, trash restored",
        _K,
        "retry",
        3,
        is_write=True,
    ),
    Key(
        "task.cancel",
        "C",
        "cancel",
        "cancel; a running one is asked to stop…",
        _K,
        "cancel…",
        6,
        is_write=True,
    ),
    Key("task.delete", "X", "delete", "delete, to trash…", _K, "delete…", 4, is_write=True),
    Key(
        "task.edit",
        "e",
        "edit",
        "edit the payload in $EDITOR, and run it again",
        _K,
        "edit",
        5,
        is_write=True,
    ),
    Key(
        "task.reschedule", "m", "reschedule", "move to another time", _K, "move", 33, is_write=True
    ),
    Key(
        "task.flush",
        "F",
        "flush",
        "flush this state of the queue…",
        _K,
        "flush…",
        34,
        is_write=True,
    ),
    Key(
        "mark.matching",
        "A",
        "mark_matching",
        "mark all that match, loaded or not",
        _K,
        "all matching",
        24,
    ),
    Key("task.related", "o", "related", "the tasks it depends on, and its children", _K),
    Key("task.copy", "y", "copy", "copy the id", _K, "copy", 41),
    Key("task.copy_payload", "Y", "copy_payload", "copy the payload, secrets too", _K),
    Key("task.pager", "P", "pager", "the whole task in $PAGER", _K, "pager", 42),
    Key("task.save", "W", "save", "save copies to a file", _K, "save", 43),
    # Failures by cause.
    Key("cause.retry", "r", "retry_cause", "retry its tasks…", _F, "retry…", 3, is_write=True),
    Key(
        "cause.delete",
        "X",
        "delete_cause",
        "delete its dead tasks…",
        _F,
        "delete…",
        4,
        is_write=True,
    ),
    Key(
        "cause.edit",
        "e",
        "edit_sample",
        "edit the latest task of it, and retry that one",
        _F,
        "edit",
        5,
        is_write=True,
    ),
    # Schedules.
    Key(
        "schedule.run",
        "r",
        "run_now",
        "run now; its due times stay",
        _S,
        "run now",
        3,
        is_write=True,
    ),
    Key("schedule.pause", "p", "pause", "pause, or resume", _S, "pause", 4, is_write=True),
    Key("schedule.pause_why", "P", "pause_why", "pause, with a reason", _S, is_write=True),
    Key(
        "schedule.delete",
        "X",
        "delete",
        "delete, with its history…",
        _S,
        "delete…",
        40,
        is_write=True,
    ),
    # Workers.
    Key(
        "worker.pause",
        "p,Q",
        "pause",
        "claim nothing more, or go on…",
        _W,
        "pause…",
        3,
        is_write=True,
    ),
    Key("worker.stop", "K", "stop", "finish what runs, and exit…", _W, "stop…", 4, is_write=True),
    # Events.
    Key(
        "events.follow",
        "l",
        "follow",
        "stay with the newest, or stay here",
        Scope.EVENTS,
        "follow",
        3,
    ),
)
