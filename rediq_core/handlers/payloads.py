"""Between the bytes in Redis and what a handler takes and returns.

A payload is checked against the type its contract or handler names; the checker is built once per
registration and pydantic is imported only if one is needed. A payload that does not fit is told by
field and rule, never by value: it may be a secret. Sizes and JSON rules are the codec's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin

from rediq_core.errors import ConfigError, InvalidPayload, PayloadTooLarge
from rediq_core.handlers.signals import NoRetry
from rediq_core.model.codec import MAX_RESULT_BYTES, decode, encode
from rediq_core.model.task_type import UNTYPED

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import ErrorDetails

# Turns stored bytes into what the handler takes.
Load = Callable[[bytes], object]

# Most fields named in one refusal, and most characters of one field's path or rule.
_FIELDS_NAMED = 10
_TEXT_SHOWN = 120
# Types of refusal whose text quotes the value or is the validator's own; these say it instead.
_RULES = {
    "value_error": "refused by its validator",
    "assertion_error": "refused by its validator",
    "union_tag_invalid": "its tag names no known variant",
    "uuid_parsing": "not a valid UUID",
    "url_parsing": "not a valid URL",
}


class PayloadMismatch(NoRetry, InvalidPayload):
    """The task's own payload is not what its handler takes."""


class ResultNotJson(NoRetry, InvalidPayload):
    """The handler ran to its end and returned what JSON cannot say."""


class ResultTooLarge(NoRetry, PayloadTooLarge):
    """The handler ran to its end and returned more than is kept."""


def loader_for(payload: object, where: str) -> Load:
    """Return the function that turns stored bytes into the payload a handler takes.

    Args:
        payload: What the contract or the handler's annotation names; UNTYPED, object and Any take
            any JSON, `dict` and `dict[str, object]` any JSON object.
        where: The handler, for the error.

    Raises:
        ConfigError: Values of this type cannot be made from JSON.
    """
    if payload is UNTYPED or payload is object or payload is Any:
        return load_any
    if _is_plain_dict(payload):
        return load_object
    return _validating(_adapter(payload, where))


def load_any(raw: bytes) -> object:
    """Decode strict JSON.

    Raises:
        PayloadMismatch: It is not.
    """
    try:
        return decode(raw)
    except InvalidPayload as error:
        raise PayloadMismatch(
            error.message, cause=error.cause, next_step=error.next_step
        ) from error


def load_object(raw: bytes) -> object:
    """Decode a strict JSON object.

    Raises:
        PayloadMismatch: It is not.
    """
    value = load_any(raw)
    if not isinstance(value, dict):
        raise PayloadMismatch("The payload is not a JSON object.", next_step=_NEXT_STEP)
    return value


def encode_result(result: object) -> bytes:
    """Encode what a handler returned; b"" for None, which keeps no result.

    Raises:
        ResultNotJson: It cannot be written as JSON.
        ResultTooLarge: Its encoding is over 64 KiB.
    """
    if result is None:
        return b""
    try:
        return encode(result, what="result", limit_bytes=MAX_RESULT_BYTES)
    except PayloadTooLarge as error:
        raise ResultTooLarge(
            error.message,
            size_bytes=error.size_bytes,
            limit_bytes=error.limit_bytes,
            cause="Results are kept in Redis with their task.",
            next_step="Store the data elsewhere and return a reference to it.",
        ) from error
    except InvalidPayload as error:
        raise ResultNotJson(error.message, cause=error.cause, next_step=error.next_step) from error


def _is_plain_dict(payload: object) -> bool:
    origin = get_origin(payload)
    if payload is dict or payload is Mapping:
        return True
    return origin in (dict, Mapping) and get_args(payload) in ((str, object), (str, Any))


# Several registrations may share a payload type; building an adapter costs about a millisecond.
@lru_cache(maxsize=512)
def _cached_adapter(payload: object) -> TypeAdapter[object]:
    # Deferred: pydantic costs 60 ms to import, and untyped handlers never need it.
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(cast("type[object]", payload))


def _adapter(payload: object, where: str) -> TypeAdapter[object]:
    # Deferred: see above.
    from pydantic import PydanticUserError  # noqa: PLC0415

    try:
        return _cached_adapter(payload)
    except (PydanticUserError, TypeError, NameError) as error:
        raise ConfigError(
            f"payloads of {where} cannot be checked.",
            cause=f"pydantic makes no {_name_of(payload)} from JSON ({type(error).__name__}).",
            next_step="Name a pydantic model, a dataclass, a TypedDict or a JSON type.",
        ) from error


def _name_of(payload: object) -> str:
    return payload.__name__ if isinstance(payload, type) else str(payload)


def _validating(adapter: TypeAdapter[object]) -> Load:
    # Deferred: see above.
    from pydantic import ValidationError  # noqa: PLC0415

    validate_json = adapter.validate_json

    def load(raw: bytes) -> object:
        # pydantic's parser refuses bad UTF-8 and deep nesting, but takes these constants.
        if b"NaN" in raw or b"Infinity" in raw:
            load_any(raw)
        try:
            return validate_json(raw)
        except ValidationError as error:
            # Not chained: pydantic's text quotes the values.
            raise _mismatch(error, raw) from None

    return load


_NEXT_STEP = "Fix the producer; for this task: rediq task edit ID, then rediq task retry ID"


def _mismatch(error: ValidationError, raw: bytes) -> PayloadMismatch:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        load_any(raw)  # says what is wrong in the codec's words, unless it is the nesting
        return PayloadMismatch("The payload is nested too deeply.")
    fields = [_field(detail) for detail in details[:_FIELDS_NAMED]]
    if len(details) > _FIELDS_NAMED:
        fields.append(f"and {len(details) - _FIELDS_NAMED} more")
    return PayloadMismatch(
        f"The payload does not fit {error.title}.", cause="; ".join(fields), next_step=_NEXT_STEP
    )


def _field(detail: ErrorDetails) -> str:
    path = ".".join(str(step) for step in detail["loc"]) or "payload"
    rule = _RULES.get(detail["type"], detail["msg"])
    return f"{_one_line(path)}: {_one_line(rule)}"


def _one_line(text: str) -> str:
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _TEXT_SHOWN else shown[:_TEXT_SHOWN] + "…"
