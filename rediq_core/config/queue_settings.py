"""Settings of queues and schedules: what a task gets when it and its type say nothing.

A value of None means "not set here", so that the next one in the order task, type, queue, default
decides. The limits over all workers (concurrency, rate, aging, max_len) are what a file declares;
what counts at run time is the policy in Redis.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from rediq_core.config.fields import (
    Duration,
    Durations,
    HandlerModules,
    JsonValue,
    Objects,
    QueueName,
    RateLimit,
    Section,
    SomeTime,
    TypeName,
)
from rediq_core.errors import InvalidCron
from rediq_core.model.cron import check_timezone, parse_cron

Backoffs = Literal["exponential", "linear", "fixed", "list"]
MAX_RETRIES = 10_000


class BackoffSettings(Section):
    """How long a failed task waits before it runs again.

    Attributes:
        kind: How the delay grows.
        base_ms: First delay.
        cap_ms: No delay is longer, before jitter.
        jitter: Share by which a delay may be longer or shorter, 0 to 1.
        delays_ms: The delays of a list; its last one repeats.
    """

    kind: Backoffs = Field(
        "exponential",
        description="exponential doubles, linear adds base, fixed repeats it, list takes delays.",
    )
    base_ms: Duration = Field(2_000, alias="base", description="First delay.")
    cap_ms: Duration = Field(60_000, alias="cap", description="Longest delay, before jitter.")
    jitter: float = Field(
        0.1, ge=0, le=1, description="A delay is up to this share longer or shorter; 0 is exact."
    )
    delays_ms: Durations = Field(
        (), alias="delays", description="With kind list: the delays in order; the last repeats."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        return {"kind": "list", "delays": value, "jitter": 0} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> BackoffSettings:
        if (self.kind == "list") != bool(self.delays_ms):
            raise ValueError("delays and kind = list belong together.")
        if self.kind in {"exponential", "linear"} and self.base_ms > self.cap_ms:
            raise ValueError("base is longer than cap.")
        return self


class Keep(Section):
    """How long finished tasks are kept here; what is not set is taken from [retention].

    Attributes:
        age_ms: Kept at most so long, or None.
        count: At most so many are kept, or None.
    """

    age_ms: SomeTime | None = Field(None, alias="age", description="Kept at most so long.")
    count: int | None = Field(None, ge=0, description="At most so many in one queue.")


class QueueRetention(Section):
    """Retention of one queue, where it differs from [retention].

    Attributes:
        completed: Of completed tasks, or None.
        cancelled: Of cancelled tasks, or None.
        dead: Of dead tasks, or None.
    """

    completed: Keep | None = Field(None, description="Completed tasks: { age, count }.")
    cancelled: Keep | None = Field(None, description="Cancelled tasks: { age, count }.")
    dead: Keep | None = Field(None, description="Dead tasks: { age, count }.")


class QueueSettings(Section):
    """One queue.

    Attributes:
        handlers: Modules whose types this queue runs.
        weight: Share between the queues of a worker.
        slots: Slots of one process that this queue may fill, or None for all.
        max_retry: For types that say nothing, or None.
        timeout_ms: For types that say nothing, or None.
        backoff: For types that say nothing, or None.
        concurrency: Runs at once over all workers, or None.
        rate: Starts in a time over all workers, or None.
        aging_ms: Wait that is worth one step of priority, or None for strict priority.
        max_len: Most tasks not finished, or None.
        middleware: Around the handlers of this queue, outermost first.
        retention: Where it differs from [retention].
    """

    handlers: HandlerModules = Field((), description="Module paths; a module holds one Mux.")
    weight: int = Field(1, ge=1, le=1_000, description="Share between the queues of a worker.")
    slots: int | None = Field(None, ge=1, description="At most so many slots of one process.")
    max_retry: int | None = Field(
        None, ge=0, le=MAX_RETRIES, description="Retries after the first run, if unsaid."
    )
    timeout_ms: SomeTime | None = Field(
        None, alias="timeout", description="Time of one run, if task and type say nothing."
    )
    backoff: BackoffSettings | None = Field(
        None, description="Delays between runs, if task and type say nothing."
    )
    concurrency: int | None = Field(None, ge=1, description="Runs at once, over all workers.")
    rate: RateLimit | None = Field(None, description="Starts in a time, over all workers.")
    aging_ms: SomeTime | None = Field(
        None, alias="aging", description="Lets old tasks overtake more urgent ones; off if unset."
    )
    max_len: int | None = Field(None, ge=1, description="Enqueue is refused above this many.")
    middleware: Objects = Field((), description="Objects around this queue's handlers.")
    retention: QueueRetention = Field(
        QueueRetention(), description="Where this queue differs from [retention]."
    )


def _check_timezone(value: str) -> str:
    try:
        return check_timezone(value)
    except InvalidCron as error:
        raise ValueError("it is no time zone; write it as Europe/Vienna or UTC.") from error


def _check_cron(value: str) -> str:
    try:
        parse_cron(value)
    except InvalidCron as error:
        raise ValueError(f"{error.message} {error.cause} {error.next_step}") from error
    return value


class ScheduleSettings(Section):
    """One schedule: a task that is enqueued again and again.

    Attributes:
        type: Type of the task.
        queue: Where it is enqueued.
        cron: When, 5 or 6 fields or a word such as "@hourly".
        timezone: Of the cron expression.
        payload: Any JSON value, or None.
        priority: 0 most urgent to 100, or None for the default.
        misfire: What happens to due times that nobody was there for.
        overlap: What happens while the last one still runs.
        jitter_ms: Every run is later by a fixed part of this, which the name decides.
        max_retry: Or None.
        timeout_ms: Or None.
        backoff: Or None.
        expires_in_ms: Or None.
        keep_ms: Or None.
    """

    type: TypeName = Field(description="Type of the task.")
    queue: QueueName = Field("default", description="Queue it is enqueued in.")
    cron: Annotated[str, AfterValidator(_check_cron)] = Field(
        description="5 fields, 6 with seconds first, or a word such as @hourly."
    )
    timezone: Annotated[str, AfterValidator(_check_timezone)] = Field(
        "UTC", description="Time zone of the cron expression."
    )
    payload: JsonValue = Field(None, description="Payload of the task, any JSON value.")
    priority: int = Field(50, ge=0, le=100, description="0 is most urgent, 100 least.")
    misfire: Literal["run_once", "skip", "catch_up"] = Field(
        "run_once", description="For due times that passed while no worker ran."
    )
    overlap: Literal["skip", "allow"] = Field(
        "skip", description="What to do while the one before is not finished."
    )
    jitter_ms: Duration = Field(
        0, alias="jitter", description="Runs later by a part of this, fixed by the name."
    )
    max_retry: int | None = Field(
        None, ge=0, le=MAX_RETRIES, description="Retries after the first run."
    )
    timeout_ms: SomeTime | None = Field(None, alias="timeout", description="Time of one run.")
    backoff: BackoffSettings | None = Field(None, description="Delays between runs.")
    expires_in_ms: SomeTime | None = Field(
        None, alias="expires_in", description="Cancelled if not started so long after it was due."
    )
    keep_ms: SomeTime | None = Field(
        None, alias="keep", description="Kept so long once finished, whatever the count."
    )
