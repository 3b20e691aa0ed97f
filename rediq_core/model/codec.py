"""Payloads and results as JSON bytes, and nothing else.

Encoding takes what the standard library's JSON takes, then anything pydantic can turn into JSON.
Decoding takes strict JSON only: no NaN, no invalid UTF-8, bounded depth. There is no pickle here
and no loading of code: data from Redis is untrusted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NoReturn

from rediq_core.errors import InvalidPayload, PayloadTooLarge

# Largest encoded payload, in bytes. The guide's figure: small payloads keep Redis and scripts fast.
MAX_PAYLOAD_BYTES = 512 * 1024
# Largest encoded result kept with a completed task, in bytes.
MAX_RESULT_BYTES = 64 * 1024
# What some writers put where JSON has no word.
_CONSTANTS = ("-Infinity", "Infinity", "NaN")
# Deepest nesting that is read back. Far above any sane payload, far below the interpreter's stack.
MAX_DEPTH = 200


def _to_plain(value: object) -> object:
    # Deferred: pydantic costs 60 ms to import, and plain dicts and lists never need it.
    from pydantic_core import to_jsonable_python  # noqa: PLC0415

    return to_jsonable_python(value)


# Refuses NaN and infinities; keeps text as UTF-8, which is shorter than escapes.
_ENCODE = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_to_plain
).encode


def _quick_encoder() -> Callable[[object], str]:
    """Return an encoder that is built once; JSONEncoder.encode builds one for each value.

    It does not look for cycles: those end in RecursionError, and `_ENCODE` then says what it was.
    """
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C accelerator
        return _ENCODE
    chunks = make(
        None, _to_plain, json.encoder.encode_basestring, None, ":", ",", False, False, False
    )
    join = "".join
    return lambda value: join(chunks(value, 0))


_ENCODE_QUICKLY = _quick_encoder()


def encode(
    value: object, *, what: str = "payload", limit_bytes: int | None = MAX_PAYLOAD_BYTES
) -> bytes:
    """Encode a value as compact JSON.

    Args:
        value: None, a JSON value, or anything pydantic encodes (models, dataclasses, datetimes…).
        what: Named in errors: "payload" or "result".
        limit_bytes: Most bytes allowed; None for no limit.

    Raises:
        InvalidPayload: It is not JSON: NaN, a cycle, too deep, or of a type nobody can encode.
        PayloadTooLarge: Its encoding is over the limit.
    """
    try:
        encoded = _encoded_text(value).encode()
    except RecursionError as error:
        raise InvalidPayload(
            f"The {what} is nested too deeply.",
            cause=f"More than {MAX_DEPTH} levels.",
            next_step="Make it flatter, or store it elsewhere and pass where it lies.",
        ) from error
    except (TypeError, ValueError) as error:
        raise InvalidPayload(
            f"The {what} cannot be written as JSON.",
            cause=_reason(error),
            next_step="Pass JSON values, a dataclass, or a pydantic model.",
        ) from error
    if limit_bytes is not None and len(encoded) > limit_bytes:
        raise too_large(what, len(encoded), limit_bytes)
    if (
        _opening_brackets(encoded) > MAX_DEPTH
        and _depth(_DECODER.decode(encoded.decode())) > MAX_DEPTH
    ):
        raise InvalidPayload(
            f"The {what} is nested too deeply.",
            cause=f"More than {MAX_DEPTH} levels.",
            next_step="Make it flatter, or store it elsewhere and pass where it lies.",
        )
    return encoded


def _encoded_text(value: object) -> str:
    try:
        return _ENCODE_QUICKLY(value)
    except RecursionError:
        return _ENCODE(value)


def too_large(what: str, size_bytes: int, limit_bytes: int) -> PayloadTooLarge:
    """Make the error for an encoding over its limit."""
    return PayloadTooLarge(
        f"The {what} is {size_bytes:,} bytes; at most {limit_bytes:,} are allowed.",
        size_bytes=size_bytes,
        limit_bytes=limit_bytes,
        cause="Large values make every queue operation slow.",
        next_step="Store the data elsewhere and pass a reference to it.",
    )


def _reason(error: Exception) -> str:
    # Messages may quote the value; only what names the kind of problem is kept.
    text = str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}."
    if isinstance(error, UnicodeEncodeError):
        return "It holds text that is not valid Unicode (a lone surrogate)."
    for message, reason in _REASONS.items():
        if message in text:
            return reason
    return f"{type(error).__name__} while encoding it."


_REASONS = {
    "Out of range float": "It holds NaN or an infinity, which JSON does not have.",
    "Circular": "It holds itself.",
    **{f"{name} is not JSON": f"It holds {name}, which JSON does not have." for name in _CONSTANTS},
}


def decode(encoded: bytes) -> object:
    """Decode JSON bytes that came from Redis.

    Raises:
        InvalidPayload: The bytes are not strict JSON, or are nested deeper than MAX_DEPTH.
    """
    try:
        value: object = _DECODER.decode(encoded.decode())
    except UnicodeDecodeError as error:
        raise InvalidPayload("The payload is not valid UTF-8.", cause=error.reason) from error
    except RecursionError as error:
        raise InvalidPayload("The payload is nested too deeply.") from error
    except ValueError as error:
        raise InvalidPayload("The payload is not valid JSON.", cause=_reason(error)) from error
    if _opening_brackets(encoded) > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise InvalidPayload(
            "The payload is nested too deeply.",
            cause=f"More than {MAX_DEPTH} levels.",
            next_step="Make it flatter, or store it elsewhere and pass where it lies.",
        )
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _opening_brackets(encoded: bytes) -> int:
    return encoded.count(b"[") + encoded.count(b"{")


def _depth(value: object) -> int:
    depth = 0
    level = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH + 1:
            return depth
        level = [child for parent in level for child in _children(parent)]
    return depth


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return [child for child in value.values() if isinstance(child, dict | list)]
    if isinstance(value, list):
        return [child for child in value if isinstance(child, dict | list)]
    return []
