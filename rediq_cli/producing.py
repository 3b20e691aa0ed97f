"""Turn what a command was given into a Task, and find the queue it belongs to.

Values are read here, once; whether they are allowed is `Task`'s decision. It sends nothing.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Unpack

from rediq_cli.session import Session
from rediq_cli.task_options import TaskWords
from rediq_core.errors import InvalidOption
from rediq_core.model.durations import duration_ms
from rediq_core.model.task import DEFAULT_QUEUE, Task, TaskOptions
from rediq_core.model.views import WorkerView


def make_task(
    session: Session, task_type: str, words: TaskWords, **options: Unpack[TaskOptions]
) -> Task[object]:
    """Make a task of what was typed; says on stderr which queue it chose, if none was named.

    Args:
        session: For the workers that are asked which queue they take the type from.
        task_type: The type.
        words: What was typed.
        options: What only this command takes.

    Raises:
        InvalidOption: Something of it is not allowed.
    """
    content = None if words.payload is None else read_payload(words.payload)
    queue = words.queue
    if queue is None:
        queue, why = announced_queue(task_type, session.admin.workers())
        session.say.note(f"Queue {queue}: {why}.")
    options["queue"] = queue
    options["priority"] = words.priority
    options["max_retry"] = words.max_retry
    options["timeout"] = words.timeout
    return Task(task_type, content, **options)


def read_payload(text: str) -> object:
    """Read JSON from the text itself, from `@file`, or from stdin for `-`.

    Raises:
        InvalidOption: It cannot be read or is not JSON, or stdin is a terminal.
    """
    source = "--payload"
    if text == "-":
        if sys.stdin.isatty():
            raise InvalidOption(
                "--payload - means JSON on stdin, and stdin is a terminal.",
                next_step="Pipe it in, or name a file: --payload @order.json",
            )
        text, source = sys.stdin.read(), "stdin"
    elif text.startswith("@"):
        source = text[1:]
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise InvalidOption(
                f"cannot read {source}.",
                cause=f"{reason}.",
                next_step="Look at it: ls -l, or pass the JSON itself: --payload '{...}'",
            ) from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(
            f"{source} is not JSON.",
            cause=f"{error}.",
            next_step="""Quote it for the shell: --payload '{"to": 7}'""",
        ) from error


def read_instant(text: str) -> datetime:
    """Read an ISO-8601 instant; without a zone it is local time.

    Raises:
        InvalidOption: It is no instant.
    """
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise InvalidOption(
            f"--at {text!r} is not an instant.",
            next_step="Write 2026-02-07T10:00:00, with +01:00 or Z for another zone than yours.",
        ) from error


def read_moment(text: str, name: str, now_ms: int, *, after_ms: int = 0) -> int:
    """Read a moment of the past as epoch ms: how long ago, a time of day, or an ISO-8601 instant.

    Args:
        text: Such as "2h", "02:10", or "2026-02-07T02:10"; without a zone it is local time.
        name: The option, for the error.
        now_ms: The server's time.
        after_ms: A time of day is the first one after this; 0 takes the latest one that has been.

    Raises:
        InvalidOption: It is none of them.
    """
    try:
        return now_ms - duration_ms(text, name)
    except InvalidOption:
        pass
    try:
        if len(text) <= len("23:59:59") and ":" in text:
            return _time_of_day(time.fromisoformat(text), now_ms, after_ms)
        return round(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise InvalidOption(
            f"{name} {text!r} is no moment.",
            next_step="Write how long ago, such as 2h, or when: 02:10, or 2026-02-07T02:10",
        ) from error


def _time_of_day(at: time, now_ms: int, after_ms: int) -> int:
    """Return the first such local time after a moment, else the latest before now."""
    base = datetime.fromtimestamp((after_ms or now_ms) / 1_000).astimezone()
    day = timedelta(days=1)
    found = base.replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0)
    if after_ms and found < base:
        found += day
    elif not after_ms and found > base:
        found -= day
    return round(found.timestamp() * 1000)


def announced_queue(task_type: str, workers: list[WorkerView]) -> tuple[str, str]:
    """Return the queue a type goes to, and why.

    Args:
        task_type: The type.
        workers: All workers; those that are lost or stopping do not count.

    Returns:
        The queue that most live workers of this type take, if they take only one; else
        `default`; and the words that say why.
    """
    takers = [
        worker
        for worker in workers
        if worker.state in ("running", "paused") and task_type in worker.types
    ]
    queues = Counter(worker.queues for worker in takers)
    if not queues:
        return DEFAULT_QUEUE, "no live worker knows this type, and no --queue was given"
    (names, _), *_ = queues.most_common(1)
    if len(names) == 1:
        return names[0], "live workers take this type from it"
    listed = ", ".join(names)
    return DEFAULT_QUEUE, f"live workers take this type from several queues: {listed}"
