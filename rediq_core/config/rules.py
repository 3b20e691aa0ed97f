"""Rules of values that both the fast path and the models apply, each written once.

Types are not checked here: a rule is given what already has its type. Rules that only workers
need (handlers, schedules, queues) stand with the models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rediq_core.config.urls import check_url
from rediq_core.errors import InvalidOption
from rediq_core.model.durations import Duration, duration_ms, format_ms
from rediq_core.model.names import check_name

# Bounds, both included.
POOL_SIZES = (1, 10_000)
SOCKET_TIMEOUTS_MS = (50, 600_000)
DEADLINES_MS = (100, 3_600_000)
# 64 MiB is where redis-server's own buffers begin to hurt; the default is 512 KiB.
PAYLOAD_BYTES = (1, 64 * 1024 * 1024)

# A dotted module path, and the same with the attribute that holds the object.
MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
OBJECT = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)

_SIZE = re.compile(r"(\d{1,15})\s*(b|kb|mb|gb|kib|mib|gib|k|m|g)?", re.ASCII)
_SIZE_UNITS = {
    "b": 1,
    "kb": 1_000,
    "mb": 1_000_000,
    "gb": 1_000_000_000,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "k": 1024,
    "m": 1024**2,
    "g": 1024**3,
}


def size_bytes(value: str | int, name: str = "size") -> int:
    """Read a size: bytes, or text such as "512KiB", "512MB", "2GiB"; K, M, G are binary.

    Raises:
        InvalidOption: It cannot be read or is negative.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is None:
        raise InvalidOption(
            f"{name} {value!r} is not a size.",
            cause='A size is a number of bytes, or text such as "512KiB", "512MB", "2GiB".',
        )
    return int(match.group(1)) * _SIZE_UNITS[match.group(2) or "b"]


def duration_within(value: Duration, low_ms: int, high_ms: int) -> int:
    """Return a duration in milliseconds, refused outside of its bounds.

    Raises:
        InvalidOption: It is no duration, or outside of `low_ms` to `high_ms`.
    """
    ms = duration_ms(value)
    if not low_ms <= ms <= high_ms:
        raise InvalidOption(
            f"{value!r} is out of range.",
            cause=f"It must be from {format_ms(low_ms)} to {format_ms(high_ms)}.",
        )
    return ms


def check_redis(redis: Mapping[str, object]) -> None:
    """Apply every rule of `[redis]` to a table whose types are right.

    Raises:
        InvalidOption: A rule is broken.
    """
    if isinstance(url := redis.get("url"), str):
        check_url(url)
    if isinstance(namespace := redis.get("namespace"), str):
        check_name("namespace", namespace)
    pool_size = redis.get("connection_pool_size")
    if isinstance(pool_size, int) and not POOL_SIZES[0] <= pool_size <= POOL_SIZES[1]:
        raise InvalidOption(f"connection_pool_size {pool_size} is out of range.")
    for key, bounds in (("socket_timeout", SOCKET_TIMEOUTS_MS), ("deadline", DEADLINES_MS)):
        if isinstance(value := redis.get(key), str | int | float):
            duration_within(value, *bounds)
    if isinstance(tls := redis.get("tls"), dict):
        check_tls(tls)


def check_tls(tls: Mapping[str, object]) -> None:
    """Refuse a certificate without its key, and verification that is off without leave.

    Raises:
        InvalidOption: One of both is so.
    """
    if bool(tls.get("cert")) != bool(tls.get("key")):
        raise InvalidOption("cert and key belong together: set both or none.")
    if tls.get("verify") is False and tls.get("insecure") is not True:
        raise InvalidOption(
            "the check of certificates is switched off.",
            cause="verify = false needs insecure = true beside it: then anybody between here and"
            " the server can read and change everything.",
            next_step="Better: name your authority with ca.",
        )


def check_profile(profile: Mapping[str, object]) -> None:
    """Apply every rule of one profile to a table whose types are right.

    Raises:
        InvalidOption: A rule is broken.
    """
    if isinstance(url := profile.get("url"), str):
        check_url(url)
    if isinstance(namespace := profile.get("namespace"), str):
        check_name("namespace", namespace)


def size_within(value: str | int, low: int, high: int) -> int:
    """Return a size in bytes, refused outside of its bounds.

    Raises:
        InvalidOption: It is no size, or outside of `low` to `high`.
    """
    size = size_bytes(value)
    if not low <= size <= high:
        raise InvalidOption(
            f"{value!r} is out of range.", cause=f"It must be from {low} to {high} bytes."
        )
    return size


def check_module(value: str) -> str:
    """Return a module path unchanged, or refuse it.

    Raises:
        InvalidOption: It is not names joined by dots.
    """
    if not MODULE.fullmatch(value):
        raise InvalidOption(
            f"{value!r} is not a module path.",
            cause='Write it as an import would: "shop.handlers.payment".',
        )
    return value


def check_safety(safety: Mapping[str, object]) -> None:
    """Apply every rule of `[safety]` to a table whose types are right.

    Raises:
        InvalidOption: A rule is broken.
    """
    if isinstance(payload := safety.get("max_payload"), str | int):
        size_within(payload, *PAYLOAD_BYTES)
    modules = safety.get("allowed_modules")
    for module in modules if isinstance(modules, list) else ():
        check_module(module)
