"""Find the server without pydantic, for the commands that only look.

Reads `[redis]`, `[profiles]` and `[safety]`, through the same sources and the same choice as the
full loader. Whatever looks wrong in these sections is handed to the full loader, which words the
error. Other sections are not checked here: a mistake in one must not keep an operator from
looking at queues.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rediq_core.config.envvars import PROFILE_KEYS, REDIS_KEYS, SAFETY_KEYS, TABLES, Kind
from rediq_core.config.rules import check_profile, check_redis, check_safety
from rediq_core.config.server import EmbeddedFinder, ServerChoice, choose_server
from rediq_core.config.sources import Sources, collect
from rediq_core.errors import InvalidOption
from rediq_core.model.names import check_name


def resolve_server(
    argv_url: str | None,
    environ: Mapping[str, str],
    config_path: Path | None = None,
    cwd: Path | None = None,
    *,
    profile: str = "",
    find_embedded: EmbeddedFinder | None = None,
) -> ServerChoice:
    """Decide which server to use, as `load_settings` and `server_url` would.

    Args:
        argv_url: From --url or an argument; None if not given.
        environ: Environment variables.
        config_path: From -c; None if not given.
        cwd: The current folder; None reads no file but a named one, as a library client does.
        profile: From --profile, or "".
        find_embedded: Asked if nothing is configured.

    Returns:
        The choice. Costs no Redis round trip.

    Raises:
        ConfigError: A file cannot be read, or a setting of these sections is wrong.
    """
    sources = collect(config_path, environ, {"redis.url": argv_url}, cwd)
    if not _is_plain(sources):
        _raise_in_full(sources)
    return choose_server(sources, profile, find_embedded)


def _raise_in_full(sources: Sources) -> None:
    from rediq_core.config.loader import check_sources  # noqa: PLC0415 - pydantic, for errors only

    check_sources(sources)


def _is_plain(sources: Sources) -> bool:
    """Say whether these sections hold only known keys of the right kind, within their rules."""
    profiles = sources.get("profiles")
    try:
        return (
            all(table in TABLES for table in sources.values)
            and _fits(sources.get("redis"), REDIS_KEYS)
            and _fits(sources.get("safety"), SAFETY_KEYS)
            and _follows(sources)
            and (profiles is None or _are_profiles(profiles))
        )
    except InvalidOption:
        return False


def _follows(sources: Sources) -> bool:
    redis, safety = sources.get("redis"), sources.get("safety")
    if isinstance(redis, dict):
        check_redis(redis)
    if isinstance(safety, dict):
        check_safety(safety)
    return True


def _are_profiles(profiles: object) -> bool:
    if not isinstance(profiles, dict):
        return False
    for name, table in profiles.items():
        check_name("profile", name)
        if not isinstance(table, dict) or not _fits(table, PROFILE_KEYS):
            return False
        check_profile(table)
    return True


def _fits(table: object, kinds: Mapping[str, Kind]) -> bool:
    if table is None:
        return True
    if not isinstance(table, dict):
        return False
    return all(key in kinds and _is_of(value, kinds[key]) for key, value in _leaves(table, kinds))


def _leaves(table: Mapping[str, object], kinds: Mapping[str, Kind]) -> Iterator[tuple[str, object]]:
    groups = {key.partition(".")[0] for key in kinds if "." in key}
    for key, value in table.items():
        if key in groups and isinstance(value, dict):
            yield from ((f"{key}.{inner}", entry) for inner, entry in value.items())
        else:
            yield key, value


def _is_of(value: object, kind: Kind) -> bool:
    match kind:
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.DURATION | Kind.SIZE:
            return isinstance(value, str | int | float) and not isinstance(value, bool)
        case Kind.LIST:
            return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
