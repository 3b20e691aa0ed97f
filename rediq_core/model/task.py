"""What a producer says: `Task`, one piece of work, and `TaskType`, the contract for many.

Both are frozen values without I/O. What a task leaves unset is settled by the worker when it runs:
task, then task type, then queue, then default. Times, state, attempts and results are not here:
they belong to `TaskView`, which is read from Redis.

Example:
    payment = TaskType("order:payment", PaymentPayload, queue="payment", priority=0)
    await client.enqueue(payment.task(PaymentPayload(order_id=7), delay="5s"))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Literal, TypedDict, TypeVar, Unpack

from rediq_core.errors import InvalidOption
from rediq_core.model.durations import Duration, duration_ms
from rediq_core.model.ids import new_id
from rediq_core.model.names import check_name
from rediq_core.model.retry import BackoffLike, to_backoff

DEFAULT_QUEUE = "default"
DEFAULT_PRIORITY = 50
LOWEST_PRIORITY = 100
DEFAULT_MAX_RETRY = 3
DEFAULT_TIMEOUT_MS = 30_000
# Longest unique key, dependency id or own task id, in characters.
MAX_KEY_LENGTH = 512
# Most parents of one task: each costs a registration in its own queue.
MAX_PARENTS = 1_000

# Characters that separate ids from other text in the stores.
_SEPARATORS = frozenset(" |>,/;")

if TYPE_CHECKING:
    # A Task made without its TaskType promises nothing about its result.
    from typing_extensions import TypeVar as TypeVarWithDefault

    R_co = TypeVarWithDefault("R_co", covariant=True, default=object)
else:
    R_co = TypeVar("R_co", covariant=True)

OnDuplicate = Literal["raise", "return", "replace"]
OnMissing = Literal["refuse", "run"]
OnFailure = Literal["fail", "run", "cancel"]


@dataclass(frozen=True, init=False)
class Task(Generic[R_co]):
    """One piece of work. Enqueued twice it runs once: its id is made with it.

    Attributes:
        type: Name that workers look the handler up by.
        payload: None, JSON, or anything pydantic encodes; at most 512 KiB encoded.
        queue: Where it waits.
        priority: 0 most urgent to 100 least.
        max_retry: Retries after the first run; None leaves it to the worker.
        timeout: Longest run; None leaves it to the worker.
        backoff: Delay before retries; None leaves it to the worker.
        delay: Earliest start, counted from when Redis takes the task.
        at: Earliest start as an aware datetime; not together with `delay`.
        expires_in: Counted from when it is due; not started by then it is cancelled.
        keep: Kept this long after it finished, whatever the queue's count limit says.
        unique_key: At most one unfinished task of the queue has this key.
        unique_for: The key is free again after this time even if its owner has not finished.
        on_duplicate: What a taken unique key does: raise, return the owner's id, or replace it.
        depends_on: Ids or Tasks that must finish first, in any queues.
        on_missing_dependency: Refuse, or run as if an unknown parent had completed.
        on_dependency_failure: What a dead or cancelled parent does to this task.
        group: Collected with others of this type and name, and run together.
        extra: Headers for middleware and search: text to JSON values.
        cron: Registers a schedule instead of one task.
        id: Own id, or "" for a fresh one.
    """

    type: str
    payload: object = None
    queue: str = dataclasses.field(default=DEFAULT_QUEUE, kw_only=True)
    priority: int = dataclasses.field(default=DEFAULT_PRIORITY, kw_only=True)
    max_retry: int | None = dataclasses.field(default=None, kw_only=True)
    timeout: Duration | None = dataclasses.field(default=None, kw_only=True)
    backoff: BackoffLike | None = dataclasses.field(default=None, kw_only=True)
    delay: Duration | None = dataclasses.field(default=None, kw_only=True)
    at: datetime | None = dataclasses.field(default=None, kw_only=True)
    expires_in: Duration | None = dataclasses.field(default=None, kw_only=True)
    keep: Duration | None = dataclasses.field(default=None, kw_only=True)
    unique_key: str | None = dataclasses.field(default=None, kw_only=True)
    unique_for: Duration | None = dataclasses.field(default=None, kw_only=True)
    on_duplicate: OnDuplicate = dataclasses.field(default="raise", kw_only=True)
    depends_on: str | Task[object] | Sequence[str | Task[object]] = dataclasses.field(
        default=(), kw_only=True
    )
    on_missing_dependency: OnMissing = dataclasses.field(default="refuse", kw_only=True)
    on_dependency_failure: OnFailure = dataclasses.field(default="fail", kw_only=True)
    group: str | None = dataclasses.field(default=None, kw_only=True)
    extra: Mapping[str, object] | None = dataclasses.field(default=None, kw_only=True)
    cron: str | None = dataclasses.field(default=None, kw_only=True)
    id: str = dataclasses.field(default="", kw_only=True)
    # Set by TaskType.task, so that a client can validate the result; not an option.
    returns: object = dataclasses.field(default=None, init=False, repr=False, compare=False)
    # Only type, payload, queue, priority and id are said: the quick way through encoding.
    is_plain: bool = dataclasses.field(default=False, init=False, repr=False, compare=False)

    def __init__(
        self,
        type: str,  # noqa: A002  # the public name of the field
        payload: object = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        """Check and take what is said; what is not said stays the class's default.

        A generated initialiser would set 23 attributes one by one, which was half of what a
        producer pays for a task.

        Raises:
            InvalidOption: A name, a number or a combination is not allowed.
        """
        values = self.__dict__
        # Most tasks set few options: one comparison of sets instead of a dozen looks.
        is_plain = options.keys() <= _PLAIN_OPTIONS
        if not is_plain and not options.keys() <= _OPTIONS:
            unknown = ", ".join(sorted(options.keys() - _OPTIONS))
            raise TypeError(f"Task() takes no {unknown}")
        values.update(options)
        values["type"] = check_name("type", type)
        values["payload"] = payload
        check_name("queue", self.queue)
        priority = self.priority
        if priority.__class__ is not int or not 0 <= priority <= LOWEST_PRIORITY:
            raise InvalidOption(
                f"priority {priority!r} is not a whole number from 0 to {LOWEST_PRIORITY}."
            )
        if self.id:
            check_key("id", self.id)
        else:
            values["id"] = new_id(self.queue)
        if is_plain or self._has_only_defaults():
            values["is_plain"] = True
        else:
            _check_rare_options(self)

    def _has_only_defaults(self) -> bool:
        kind = self.__class__
        return all(getattr(self, name) == getattr(kind, name) for name in _OPTIONS - _PLAIN_OPTIONS)

    def copy(self, **changes: object) -> Task[R_co]:
        """Return a new piece of work like this one, with a new id unless one is given."""
        said: dict[str, object] = {
            name: value for name, value in self.__dict__.items() if name not in _MADE
        }
        said.update(changes)
        copied: Task[R_co] = Task(**said)  # type: ignore[arg-type]  # checked by __init__
        copied.__dict__["returns"] = self.returns
        return copied

    @property
    def parent_ids(self) -> tuple[str, ...]:
        """The ids this task depends on, in order."""
        parents = self.depends_on
        if isinstance(parents, str | Task):
            parents = (parents,)
        return tuple(parent.id if isinstance(parent, Task) else parent for parent in parents)


# What copy() does not carry over: what was made, not said.
_MADE = frozenset({"id", "returns", "is_plain"})


def check_key(what: str, value: str) -> None:
    """Refuse an id or unique key that is empty, too long, or holds control characters.

    Raises:
        InvalidOption: It does.
    """
    if not 0 < len(value) <= MAX_KEY_LENGTH or not value.isprintable():
        raise InvalidOption(
            f"{what} {value!r:.80} is not 1 to {MAX_KEY_LENGTH} printable characters.",
            next_step="Shorten it, or take a hash of it.",
        )
    if what != "unique_key" and not _SEPARATORS.isdisjoint(value):
        raise InvalidOption(
            f"{what} {value!r:.80} holds a space or one of | > , / ;",
            next_step="Put - or : in their place.",
        )


def _check_rare_options(task: Task[R_co]) -> None:
    for name in ("timeout", "delay", "expires_in", "keep", "unique_for"):
        value = getattr(task, name)
        if value is not None:
            duration_ms(value, name)
    if task.max_retry is not None and (type(task.max_retry) is not int or task.max_retry < 0):
        raise InvalidOption(f"max_retry {task.max_retry!r} is not a whole number from 0.")
    if task.backoff is not None:
        to_backoff(task.backoff)
    if task.at is not None and (task.delay is not None or task.at.tzinfo is None):
        raise InvalidOption(
            "at takes an aware datetime, and not together with delay.",
            next_step="Give it a zone: datetime(..., tzinfo=UTC)",
        )
    _check_unique(task)
    if task.group is not None:
        check_name("group", task.group)
    _check_parents(task)


def _check_unique(task: Task[R_co]) -> None:
    if task.unique_key is not None:
        check_key("unique_key", task.unique_key)
    elif task.unique_for is not None:
        raise InvalidOption(
            "unique_for says how long a unique_key is held; there is none.",
            next_step="Give a unique_key as well.",
        )
    if task.on_duplicate not in ("raise", "return", "replace"):
        raise InvalidOption(
            f"on_duplicate {task.on_duplicate!r} is not known.",
            next_step="It is raise, return or replace.",
        )


def _check_parents(task: Task[R_co]) -> None:
    parents = task.parent_ids
    if len(parents) > MAX_PARENTS:
        raise InvalidOption(
            f"A task depends on at most {MAX_PARENTS} others.",
            next_step="Put tasks between that collect them.",
        )
    for parent in parents:
        check_key("depends_on", parent)
    if task.on_dependency_failure not in ("fail", "run", "cancel"):
        raise InvalidOption(
            f"on_dependency_failure {task.on_dependency_failure!r} is not known.",
            next_step="It is fail, run or cancel.",
        )
    if task.on_missing_dependency not in ("refuse", "run"):
        raise InvalidOption(
            f"on_missing_dependency {task.on_missing_dependency!r} is not known.",
            next_step="It is refuse or run.",
        )


class TaskOptions(TypedDict, total=False):
    """What `Task` and `TaskType.task` take by keyword; each means what its attribute does."""

    queue: str
    priority: int
    max_retry: int | None
    timeout: Duration | None
    backoff: BackoffLike | None
    delay: Duration | None
    at: datetime | None
    expires_in: Duration | None
    keep: Duration | None
    unique_key: str | None
    unique_for: Duration | None
    on_duplicate: OnDuplicate
    depends_on: str | Task[object] | Sequence[str | Task[object]]
    on_missing_dependency: OnMissing
    on_dependency_failure: OnFailure
    group: str | None
    extra: Mapping[str, object] | None
    cron: str | None
    id: str


_OPTIONS = frozenset(TaskOptions.__annotations__)
# Options that every task has; with these alone it needs no further look.
_PLAIN_OPTIONS = frozenset({"queue", "priority", "id"})
