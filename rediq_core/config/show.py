"""What `rediq config show` prints: every setting as TOML would write it, redacted, with its origin.

It shows; which server is used in the end is `server_url`'s answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rediq_core.config.keypaths import KeyPath, join_key
from rediq_core.config.loader import LoadedSettings, leaves_of
from rediq_core.config.redact import MASK, SECRET_FIELDS, redact_fields


class Row(NamedTuple):
    """One setting.

    Attributes:
        key: Dotted, as `config set` takes it.
        value: A JSON value; durations as "25s", None if not set, secrets hidden.
        origin: Where it comes from.
    """

    key: str
    value: object
    origin: str


def rows_of(loaded: LoadedSettings) -> Iterator[Row]:
    """Yield every setting in the order of the sections. Costs no Redis round trip."""
    shown = loaded.settings.model_dump(mode="json", by_alias=True)
    fields = (*SECRET_FIELDS, *loaded.settings.safety.redact)
    for path, _ in leaves_of(loaded.settings):
        key = join_key(path)
        yield Row(key, _shown(path, _value_at(shown, path), fields), loaded.origins[key])


def _shown(path: KeyPath, value: object, fields: tuple[str, ...]) -> object:
    if path[-1] == "password":
        return MASK if value else None
    return redact_fields(value, fields)


def _value_at(tables: object, path: KeyPath) -> object:
    for part in path:
        tables = tables.get(part) if isinstance(tables, Mapping) else None
    return tables
