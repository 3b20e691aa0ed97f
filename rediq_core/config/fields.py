"""Types of settings: how each is read from TOML, and how it is written back for people.

Durations and sizes become whole milliseconds and bytes here, so nothing behind the settings ever
sees "30s". The rules themselves stand in `rules` and in the model; this only fits them to pydantic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from rediq_core.config.redact import redact_url
from rediq_core.config.rules import (
    MODULE,
    OBJECT,
    check_module,
    duration_within,
    size_within,
)
from rediq_core.config.urls import check_url
from rediq_core.errors import InvalidOption
from rediq_core.model.durations import MAX_DURATION_MS, UNIT_MS
from rediq_core.model.names import check_name
from rediq_core.model.rates import Rate, parse_rate

T = TypeVar("T")
U = TypeVar("U")


class Section(BaseModel):
    """What all sections share: unknown keys are refused, types are not bent, values stay."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, validate_default=False
    )


def refusing(check: Callable[[T], U]) -> Callable[[T], U]:
    """Let pydantic collect what a rule raises: why and the next step; the value is shown anyway."""

    def checked(value: T) -> U:
        try:
            return check(value)
        except InvalidOption as error:
            parts = (error.cause or error.message, error.next_step)
            raise ValueError(" ".join(part for part in parts if part)) from error

    return checked


def exact_duration(ms: int) -> str:
    """Write a duration so that reading it gives the same milliseconds: "25s", "1500ms"."""
    units = (unit for unit in ("d", "h", "m", "s") if ms and ms % UNIT_MS[unit] == 0)
    unit = next(units, "ms")
    return f"{ms // UNIT_MS[unit]}{unit}" if ms else "0s"


def exact_size(size: int) -> str | int:
    """Write a size so that reading it gives the same bytes."""
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return size


def duration_between(low_ms: int, high_ms: int = MAX_DURATION_MS) -> Callable[[object], int]:
    """Return a reader of durations within bounds, in milliseconds, both included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidOption('A duration is seconds, or text such as "30s" or "1h30m".')
        return duration_within(value, low_ms, high_ms)

    return refusing(read)


def size_between(low: int, high: int) -> Callable[[object], int]:
    """Return a reader of sizes within bounds, in bytes, both included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidOption('A size is bytes, or text such as "512KiB" or "2GiB".')
        return size_within(value, low, high)

    return refusing(read)


def _named(kind: str) -> Callable[[str], str]:
    return refusing(lambda name: check_name(kind, name))


def _to_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _handler(value: str) -> str:
    if not (MODULE.fullmatch(value) or OBJECT.fullmatch(value)):
        raise InvalidOption(
            f"{value!r} is not a module path.",
            cause='Write "shop.handlers.payment", or "shop.handlers.payment:mux" to name the Mux.',
        )
    return value


def _object(value: str) -> str:
    if not OBJECT.fullmatch(value):
        raise InvalidOption(
            f"{value!r} does not name an object.",
            cause='Write "module:attribute", as "shop.log:mw".',
        )
    return value


def _rate(value: object) -> Rate:
    if not isinstance(value, str | Rate):
        raise InvalidOption('A rate is text such as "100/m" or "10/s".')
    return parse_rate(value)


def json_value(value: object) -> object:
    """Return a value if JSON can hold it: no dates, no NaN.

    Raises:
        ValueError: It cannot.
    """
    if isinstance(value, dict):
        return {str(key): json_value(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("JSON has no infinity and no NaN.")
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"JSON has no {type(value).__name__}; write it as text in quotes.")


_as_duration = PlainSerializer(exact_duration, when_used="json")
_as_size = PlainSerializer(exact_size, when_used="json")

Names = Annotated[tuple[str, ...], BeforeValidator(_to_tuple)]
Duration = Annotated[int, BeforeValidator(duration_between(0)), _as_duration]
SomeTime = Annotated[int, BeforeValidator(duration_between(1)), _as_duration]
QueueName = Annotated[str, AfterValidator(_named("queue"))]
TypeName = Annotated[str, AfterValidator(_named("type"))]
ScheduleName = Annotated[str, AfterValidator(_named("schedule"))]
ProfileName = Annotated[str, AfterValidator(_named("profile"))]
Namespace = Annotated[str, AfterValidator(_named("namespace"))]
QueueNames = Annotated[tuple[QueueName, ...], BeforeValidator(_to_tuple)]
HandlerModules = Annotated[
    tuple[Annotated[str, AfterValidator(refusing(_handler))], ...], BeforeValidator(_to_tuple)
]
Modules = Annotated[
    tuple[Annotated[str, AfterValidator(refusing(check_module))], ...], BeforeValidator(_to_tuple)
]
Objects = Annotated[
    tuple[Annotated[str, AfterValidator(refusing(_object))], ...], BeforeValidator(_to_tuple)
]
Durations = Annotated[
    tuple[Duration, ...],
    BeforeValidator(_to_tuple),
    PlainSerializer(lambda delays: [exact_duration(ms) for ms in delays], when_used="json"),
]
ServerUrl = Annotated[
    str, AfterValidator(refusing(check_url)), PlainSerializer(redact_url, when_used="json")
]
RateLimit = Annotated[
    Rate, BeforeValidator(refusing(_rate)), PlainSerializer(str, when_used="json")
]
JsonValue = Annotated[object, BeforeValidator(json_value)]


def duration_field(low_ms: int, high_ms: int) -> tuple[BeforeValidator, PlainSerializer]:
    """Return what makes an `Annotated[int, *...]` a duration within bounds."""
    return BeforeValidator(duration_between(low_ms, high_ms)), _as_duration


def size_field(low: int, high: int) -> tuple[BeforeValidator, PlainSerializer]:
    """Return what makes an `Annotated[int, *...]` a size within bounds."""
    return BeforeValidator(size_between(low, high)), _as_size
