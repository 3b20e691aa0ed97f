"""The schedules that a configuration declares, ready to be registered.

A worker registers all of them when it starts, whatever queues it serves. What is not in the file
any more stays in Redis until somebody deletes it: a worker that is started with half a
configuration must not stop another one's schedules.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rediq_core.config.queue_settings import BackoffSettings, ScheduleSettings
from rediq_core.errors import ConfigError, RediqError
from rediq_core.model.retry import Backoff, BackoffKind
from rediq_core.model.schedule import Misfire, Overlap, Schedule, Source
from rediq_core.model.task import Task
from rediq_core.verbs.schedule import Declaration, declare

# Added to a revision that was given, so that it is above every time of a file's last change.
_GIVEN_REV: Final = 10**15


def declared_schedules(
    schedules: Mapping[str, ScheduleSettings], path: Path | None, config_rev: int | None
) -> tuple[Declaration, ...]:
    """Encode the schedules of a configuration.

    Args:
        schedules: By name.
        path: The file they come from, or None.
        config_rev: Its revision; None takes the time at which the file was last changed.

    Raises:
        ConfigError: One of them cannot be.
    """
    rev = revision(path, config_rev)
    found = []
    for name, settings in schedules.items():
        try:
            found.append(declare(_schedule(name, settings), source=Source.CONFIG, rev=rev))
        except RediqError as error:
            raise ConfigError(
                f"[schedules.{name}] cannot be: {error.message}",
                cause=error.cause,
                next_step=error.next_step,
            ) from error
    return tuple(found)


def revision(path: Path | None, config_rev: int | None) -> int:
    """Return a number that is higher for a later configuration."""
    if config_rev is not None:
        return _GIVEN_REV + config_rev
    return 0 if path is None else path.stat().st_mtime_ns // 1_000_000


def _schedule(name: str, settings: ScheduleSettings) -> Schedule:
    task: Task[object] = Task(
        settings.type,
        settings.payload,
        queue=settings.queue,
        priority=settings.priority,
        max_retry=settings.max_retry,
        timeout=_seconds(settings.timeout_ms),
        backoff=backoff_of(settings.backoff),
        expires_in=_seconds(settings.expires_in_ms),
        keep=_seconds(settings.keep_ms),
    )
    return Schedule(
        name,
        settings.cron,
        task,
        settings.timezone,
        Misfire(settings.misfire),
        Overlap(settings.overlap),
        settings.jitter_ms,
    )


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def backoff_of(settings: BackoffSettings | None) -> Backoff | None:
    """Return the backoff that a configuration says, or None."""
    if settings is None:
        return None
    return Backoff(
        BackoffKind(settings.kind),
        settings.base_ms,
        settings.cap_ms,
        settings.jitter,
        tuple(settings.delays_ms),
    )
