"""Which environment variables set which settings, and how their text becomes a value.

The table is written out, so that commands which only read a queue need no pydantic to know it; a
test holds it against the models. Nothing here reads the environment: it is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum

from rediq_core.config.keypaths import KeyPath


class Kind(Enum):
    """How a value is written in TOML, and so how text from the environment is read."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "true or false"
    DURATION = "duration"
    SIZE = "size"
    LIST = "list"


REDIS_KEYS: Mapping[str, Kind] = {
    "url": Kind.TEXT,
    "url_file": Kind.TEXT,
    "password": Kind.TEXT,
    "password_file": Kind.TEXT,
    "namespace": Kind.TEXT,
    "connection_pool_size": Kind.INTEGER,
    "socket_timeout": Kind.DURATION,
    "deadline": Kind.DURATION,
    "tls.ca": Kind.TEXT,
    "tls.cert": Kind.TEXT,
    "tls.key": Kind.TEXT,
    "tls.verify": Kind.BOOLEAN,
    "tls.insecure": Kind.BOOLEAN,
}
WORKER_KEYS: Mapping[str, Kind] = {
    "concurrency": Kind.INTEGER,
    "processes": Kind.INTEGER,
    "shutdown_grace": Kind.DURATION,
    "lease": Kind.DURATION,
    "strict": Kind.BOOLEAN,
    "handlers": Kind.LIST,
    "queues": Kind.LIST,
    "middleware": Kind.LIST,
    "max_tasks_per_child": Kind.INTEGER,
    "max_rss": Kind.SIZE,
    "burst_wait": Kind.DURATION,
    "config_rev": Kind.INTEGER,
}
METRICS_KEYS: Mapping[str, Kind] = {
    "enabled": Kind.BOOLEAN,
    "host": Kind.TEXT,
    "port": Kind.INTEGER,
}
PROFILE_KEYS: Mapping[str, Kind] = {
    "url": Kind.TEXT,
    "url_file": Kind.TEXT,
    "password_file": Kind.TEXT,
    "namespace": Kind.TEXT,
    "protected": Kind.BOOLEAN,
    "read_only": Kind.BOOLEAN,
}
SAFETY_KEYS: Mapping[str, Kind] = {
    "read_only": Kind.BOOLEAN,
    "protected": Kind.LIST,
    "redact": Kind.LIST,
    "allowed_modules": Kind.LIST,
    "max_payload": Kind.SIZE,
}
# The tables a file may have.
TABLES = (
    "redis",
    "worker",
    "queues",
    "schedules",
    "retention",
    "metrics",
    "log",
    "safety",
    "profiles",
)
# Sections whose every key has a variable REDIQ_<SECTION>_<KEY>.
SECTIONS: Mapping[str, Mapping[str, Kind]] = {
    "redis": REDIS_KEYS,
    "worker": WORKER_KEYS,
    "metrics": METRICS_KEYS,
}
# Other names of a setting: before and after REDIQ_<SECTION>_<KEY>.
_BEFORE: Mapping[str, str] = {"redis.url": "REDIQ_URL", "safety.read_only": "REDIQ_READ_ONLY"}
_AFTER: Mapping[str, str] = {
    "redis.url": "REDIS_URL",
    "worker.concurrency": "WORKER_CONCURRENCY",
    "worker.queues": "WORKER_QUEUES",
    "metrics.port": "METRICS_PORT",
    "metrics.enabled": "METRICS_ENABLED",
}
CONFIG_VARIABLE = "REDIQ_CONFIG"
INSECURE_VARIABLE = "REDIQ_ALLOW_INSECURE_CONFIG"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def variable_of(section: str, key: str) -> str:
    """Return the name REDIQ_<SECTION>_<KEY> of a setting."""
    return f"REDIQ_{section}_{key}".upper().replace(".", "_")


def variables_of(section: str, key: str) -> tuple[str, ...]:
    """Return every variable that sets a setting, the one that wins first."""
    dotted = f"{section}.{key}"
    own = (variable_of(section, key),) if section in SECTIONS else ()
    return (
        *((_BEFORE[dotted],) if dotted in _BEFORE else ()),
        *own,
        *((_AFTER[dotted],) if dotted in _AFTER else ()),
    )


def settings_from(environ: Mapping[str, str]) -> Iterator[tuple[KeyPath, object, str]]:
    """Yield path, value and variable of each setting that an environment sets.

    An empty variable counts as not set, as container files write it. Text that does not fit its
    kind is yielded as it is: the check of the settings refuses it and names the variable.
    """
    everywhere = [*SECTIONS.items(), ("safety", {"read_only": Kind.BOOLEAN})]
    for section, keys in everywhere:
        for key, kind in keys.items():
            for variable in variables_of(section, key):
                if environ.get(variable, "").strip():
                    path = (section, *key.split("."))
                    yield path, value_of(environ[variable], kind), variable
                    break


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return variables that look like settings of a section here and are none, sorted."""
    prefixes = tuple(f"REDIQ_{section.upper()}_" for section in SECTIONS)
    known = {variable_of(section, key) for section, keys in SECTIONS.items() for key in keys}
    return tuple(
        sorted(name for name in environ if name.startswith(prefixes) and name not in known)
    )


def value_of(text: str, kind: Kind) -> object:
    """Turn the text of a variable into what TOML would have given, or leave it."""
    stripped = text.strip()
    if kind is Kind.BOOLEAN and stripped.lower() in _TRUE | _FALSE:
        return stripped.lower() in _TRUE
    if kind is Kind.INTEGER and re.fullmatch(r"[+-]?[0-9]{1,18}", stripped):
        return int(stripped)
    if kind is Kind.LIST:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text.strip("\r\n") if kind is Kind.TEXT else stripped


def is_true(text: str) -> bool:
    """Say whether the text of a switch means yes."""
    return text.strip().lower() in _TRUE
