"""The settings as a whole, section by section, with their defaults and bounds.

This is the only place that says what a setting means; `config.example.toml` and the reference are
checked against the descriptions here. It reads no file and no environment. Attributes that are
durations or sizes carry their unit in the name; in TOML the name has none (`lease = "10s"`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field, SecretStr, model_validator

from rediq_core.config.fields import (
    HandlerModules,
    Modules,
    Names,
    Namespace,
    Objects,
    ProfileName,
    QueueName,
    QueueNames,
    ScheduleName,
    Section,
    ServerUrl,
    duration_field,
    refusing,
    size_field,
)
from rediq_core.config.queue_settings import Keep, QueueSettings, ScheduleSettings
from rediq_core.config.rules import (
    DEADLINES_MS,
    PAYLOAD_BYTES,
    POOL_SIZES,
    SOCKET_TIMEOUTS_MS,
    check_profile,
    check_tls,
)
from rediq_core.config.server import (
    DEFAULT_DEADLINE_MS,
    DEFAULT_NAMESPACE,
    DEFAULT_POOL_SIZE,
    DEFAULT_SOCKET_TIMEOUT_MS,
)
from rediq_core.model.durations import MAX_DURATION_MS, UNIT_MS

S = TypeVar("S", bound=Section)

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = (UNIT_MS[unit] for unit in "smhd")
# A lease below this is lost to one slow reply; above an hour nobody would wait for a recovery.
LEASES_MS = (500, HOUR_MS)
DEFAULT_PAYLOAD_BYTES = 512 * 1024


def _checked(section: S, rule: Callable[[Mapping[str, object]], None]) -> S:
    refusing(rule)(section.model_dump(by_alias=True))
    return section


class TlsSettings(Section):
    """Certificates of rediss:// connections.

    Attributes:
        ca: File of authorities, or None for the system's.
        cert: Own certificate, or None.
        key: Its private key, or None.
        verify: Check certificate and host name.
        insecure: Allow that they are not checked.
    """

    ca: str | None = Field(None, description="File of authorities to trust; else the system's.")
    cert: str | None = Field(None, description="File of the client certificate.")
    key: str | None = Field(None, description="File of its private key.")
    verify: bool = Field(True, description="Check the server's certificate and host name.")
    insecure: bool = Field(False, description="Must be true for verify = false to be accepted.")

    @model_validator(mode="after")
    def _is_whole(self) -> TlsSettings:
        return _checked(self, check_tls)


class RedisSettings(Section):
    """The server and the connections to it.

    Attributes:
        url: Where, or None if this file does not say.
        url_file: A file that holds the URL, or None.
        password: For a URL without one, or None.
        password_file: A file that holds it, or None.
        namespace: First part of every key.
        connection_pool_size: Most connections of one client.
        socket_timeout_ms: Longest wait for one reply.
        deadline_ms: How long a call is tried again.
        tls: Certificates.
    """

    url: ServerUrl | None = Field(
        None, repr=False, description="redis, rediss, unix, redis+cluster or redis+sentinel URL."
    )
    url_file: str | None = Field(None, description="File that holds the URL, instead of url.")
    password: SecretStr | None = Field(None, description="Password for a URL that has none.")
    password_file: str | None = Field(None, description="File that holds the password.")
    namespace: Namespace = Field(DEFAULT_NAMESPACE, description="First part of every key.")
    connection_pool_size: int = Field(
        DEFAULT_POOL_SIZE,
        ge=POOL_SIZES[0],
        le=POOL_SIZES[1],
        description="Most connections one client opens.",
    )
    socket_timeout_ms: Annotated[int, *duration_field(*SOCKET_TIMEOUTS_MS)] = Field(
        DEFAULT_SOCKET_TIMEOUT_MS, alias="socket_timeout", description="Longest wait for one reply."
    )
    deadline_ms: Annotated[int, *duration_field(*DEADLINES_MS)] = Field(
        DEFAULT_DEADLINE_MS, alias="deadline", description="A call is tried again for so long."
    )
    tls: TlsSettings = Field(TlsSettings(), description="Certificates of rediss:// connections.")


class WorkerSettings(Section):
    """One `rediq worker start`.

    Attributes:
        concurrency: Slots of one task process, over all its queues.
        processes: Task processes.
        shutdown_grace_ms: Time to finish after SIGTERM.
        lease_ms: Time after which a silent worker's tasks are taken back.
        strict: Serve queues in strict order instead of by weight.
        handlers: Modules whose types every queue runs.
        queues: Queues to serve; empty for all that are declared.
        middleware: Around every handler, outermost first.
        max_tasks_per_child: A task process is replaced after so many; 0 for never.
        max_rss_bytes: A task process is replaced above this memory; 0 for never.
        burst_wait_ms: How long --burst waits for retries that come due.
        config_rev: Number of this configuration, or None for the time its file last changed.
    """

    concurrency: int = Field(10, ge=1, le=10_000, description="Slots of one task process.")
    processes: int = Field(1, ge=1, le=256, description="Task processes.")
    shutdown_grace_ms: Annotated[int, *duration_field(0, DAY_MS)] = Field(
        25_000, alias="shutdown_grace", description="Time to finish running tasks after SIGTERM."
    )
    lease_ms: Annotated[int, *duration_field(*LEASES_MS)] = Field(
        10_000, alias="lease", description="A silent worker's tasks are taken back after so long."
    )
    strict: bool = Field(False, description="Serve queues in their order here, not by weight.")
    handlers: HandlerModules = Field((), description="Modules whose types every queue runs.")
    queues: QueueNames = Field((), description="Queues to serve; empty for all declared ones.")
    middleware: Objects = Field((), description="Objects around every handler, outermost first.")
    max_tasks_per_child: int = Field(
        0, ge=0, description="A task process is replaced after so many tasks; 0 is never."
    )
    max_rss_bytes: Annotated[int, *size_field(0, 2**50)] = Field(
        0, alias="max_rss", description="A task process is replaced above this memory; 0 is never."
    )
    burst_wait_ms: Annotated[int, *duration_field(0, DAY_MS)] = Field(
        60_000, alias="burst_wait", description="--burst waits for retries due within this time."
    )
    config_rev: int | None = Field(
        None,
        ge=0,
        le=10**12,
        description="Schedules follow the highest; unset is when the file last changed.",
    )


class KeepFinished(Section):
    """How long tasks that ended in one state are kept in a queue.

    Attributes:
        age_ms: Kept at most so long.
        count: At most so many are kept.
    """

    age_ms: Annotated[int, *duration_field(1, MAX_DURATION_MS)] = Field(
        alias="age", description="Kept at most so long."
    )
    count: int = Field(ge=0, description="At most so many in one queue.")


_SHORT = KeepFinished(age=DAY_MS // SECOND_MS, count=10_000)
_LONG = KeepFinished(age=90 * DAY_MS // SECOND_MS, count=100_000)


class RetentionSettings(Section):
    """How long finished tasks are kept.

    Attributes:
        completed: Of completed tasks.
        cancelled: Of cancelled tasks.
        dead: Of dead tasks.
        min_keep_ms: The count takes no task that finished less than this ago.
        trash_ms: How long deleted tasks can be restored.
    """

    completed: KeepFinished = Field(_SHORT, description="Completed tasks: { age, count }.")
    cancelled: KeepFinished = Field(_SHORT, description="Cancelled tasks: { age, count }.")
    dead: KeepFinished = Field(_LONG, description="Dead tasks: { age, count }.")
    min_keep_ms: Annotated[int, *duration_field(10 * SECOND_MS, HOUR_MS)] = Field(
        MINUTE_MS, alias="min_keep", description="The count takes nothing that finished so lately."
    )
    trash_ms: Annotated[int, *duration_field(MINUTE_MS, 365 * DAY_MS)] = Field(
        DAY_MS, alias="trash", description="Deleted tasks can be restored for so long."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_halves(cls, value: object) -> object:
        """Let a file say only age or only count; the other half keeps its default."""
        if not isinstance(value, dict):
            return value
        filled = dict(value)
        for state, keep in (("completed", _SHORT), ("cancelled", _SHORT), ("dead", _LONG)):
            if isinstance(table := filled.get(state), dict):
                filled[state] = {"age": keep.age_ms / SECOND_MS, "count": keep.count, **table}
        return filled


class MetricsSettings(Section):
    """The HTTP endpoint of a worker.

    Attributes:
        enabled: Serve /metrics and /health.
        host: Address to listen on.
        port: Port to listen on; 0 for any free one.
    """

    enabled: bool = Field(True, description="Serve /metrics and /health.")
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(9090, ge=0, le=65_535, description="Port to listen on; 0 is any free one.")


class LogSettings(Section):
    """What a worker logs.

    Attributes:
        level: Least severity.
        format: "auto" is text on a terminal and JSON elsewhere.
    """

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto is text on a terminal, JSON elsewhere."
    )


class SafetySettings(Section):
    """What may be done, shown and imported.

    Attributes:
        read_only: Refuse every write.
        protected: Globs of profile or host names where bulk writes ask for a typed name.
        redact: Names of fields to hide besides the built-in ones.
        allowed_modules: Handlers and middleware may be imported from below these only.
        max_payload_bytes: Largest encoded payload.
    """

    read_only: bool = Field(False, description="Refuse every write.")
    protected: Names = Field((), description="Globs of profiles and hosts that ask twice.")
    redact: Names = Field((), description="Fields to hide besides password, token, card and such.")
    allowed_modules: Modules = Field((), description="Import only from below these; empty is any.")
    max_payload_bytes: Annotated[int, *size_field(*PAYLOAD_BYTES)] = Field(
        DEFAULT_PAYLOAD_BYTES, alias="max_payload", description="Largest payload, encoded."
    )


class ProfileSettings(Section):
    """One server to choose with --profile.

    Attributes:
        url: Where, or None.
        url_file: A file that holds the URL, or None.
        password_file: A file that holds the password, or None.
        namespace: First part of every key there, or None for [redis] namespace.
        protected: Bulk writes ask for a typed name.
        read_only: Refuse every write.
    """

    url: ServerUrl | None = Field(None, repr=False, description="URL of the server.")
    url_file: str | None = Field(None, description="File that holds the URL, instead of url.")
    password_file: str | None = Field(None, description="File that holds the password.")
    namespace: Namespace | None = Field(None, description="Instead of [redis] namespace.")
    protected: bool = Field(False, description="Bulk writes ask for a typed name.")
    read_only: bool = Field(False, description="Refuse every write.")

    @model_validator(mode="after")
    def _is_whole(self) -> ProfileSettings:
        return _checked(self, check_profile)


class Settings(Section):
    """Everything a configuration can say.

    Attributes:
        redis: The server and the connections to it.
        worker: One `rediq worker start`.
        queues: By name.
        schedules: By name.
        retention: How long finished tasks are kept.
        metrics: The HTTP endpoint of a worker.
        log: What a worker logs.
        safety: What may be done, shown and imported.
        profiles: By name.
    """

    redis: RedisSettings = Field(RedisSettings(), description="The server.")
    worker: WorkerSettings = Field(WorkerSettings(), description="One `rediq worker start`.")
    queues: dict[QueueName, QueueSettings] = Field({}, description="Queues by name.")
    schedules: dict[ScheduleName, ScheduleSettings] = Field({}, description="Schedules by name.")
    retention: RetentionSettings = Field(
        RetentionSettings(), description="How long finished tasks are kept."
    )
    metrics: MetricsSettings = Field(MetricsSettings(), description="HTTP endpoint of a worker.")
    log: LogSettings = Field(LogSettings(), description="What a worker logs.")
    safety: SafetySettings = Field(SafetySettings(), description="What is allowed and shown.")
    profiles: dict[ProfileName, ProfileSettings] = Field({}, description="Servers by name.")

    @model_validator(mode="after")
    def _imports_only_what_is_allowed(self) -> Settings:
        allowed = self.safety.allowed_modules
        places = [("worker", self.worker.handlers + self.worker.middleware)] + [
            (f"queues.{name}", queue.handlers + queue.middleware)
            for name, queue in self.queues.items()
        ]
        for place, specs in places:
            for spec in specs if allowed else ():
                module = spec.partition(":")[0]
                if not any(module == root or module.startswith(f"{root}.") for root in allowed):
                    raise ValueError(
                        f'"{spec}" of [{place}] is not below [safety] allowed_modules'
                        f" ({', '.join(allowed)})."
                    )
        return self

    def retention_of(self, queue: str) -> RetentionSettings:
        """Return the retention of one queue: its own values over those of [retention]."""
        own = self.queues.get(queue, QueueSettings()).retention
        return self.retention.model_copy(
            update={
                state: _merged(getattr(self.retention, state), keep)
                for state in ("completed", "cancelled", "dead")
                if (keep := getattr(own, state)) is not None
            }
        )


def _merged(base: KeepFinished, own: Keep) -> KeepFinished:
    return base.model_copy(
        update={
            name: value for name in ("age_ms", "count") if (value := getattr(own, name)) is not None
        }
    )
