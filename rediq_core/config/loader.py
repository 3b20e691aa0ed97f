"""Load and check every setting, and remember where each comes from.

The full way, with pydantic: for workers and for `rediq config`. Commands that only look use
`quick`, which starts from the same sources and makes the same choice of server. Nothing here
imports a handler or connects.

Example:
    loaded = load_settings(Path("config.toml"), os.environ, {"worker.concurrency": 4}, Path.cwd())
    loaded.settings.worker.lease_ms
    loaded.origins["worker.lease"]  # "file config.toml line 7"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ValidationError

from rediq_core.config.keypaths import KeyPath, join_key
from rediq_core.config.problems import config_error
from rediq_core.config.server import ServerChoice, choose_server
from rediq_core.config.settings import Settings
from rediq_core.config.sources import Sources, collect


@dataclass(frozen=True)
class LoadedSettings:
    """Checked settings and their story.

    Attributes:
        settings: The values.
        sources: Where they come from, merged.
    """

    settings: Settings
    sources: Sources = field(repr=False)

    @property
    def path(self) -> Path | None:
        """The configuration file, or None."""
        return self.sources.path

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was skipped and why, for stderr."""
        return self.sources.warnings

    @property
    def env_file(self) -> Mapping[str, str]:
        """Variables of the `.env` beside the file; a worker hands them to its handlers."""
        return self.sources.env_file

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """Origin of each setting by dotted key: "flag", "file config.toml line 9", "default"."""
        return {
            join_key(path): self.sources.origin_of(path).text
            for path, _ in leaves_of(self.settings)
        }


def load_settings(
    config_path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    cwd: Path | None,
    *,
    allow_insecure_config: bool = False,
) -> LoadedSettings:
    """Load the settings: flag over environment over `.env` over file over default.

    Args:
        config_path: The file of -c, else REDIQ_CONFIG and ./rediq.toml are looked at.
        environ: Environment variables.
        overrides: Flags by dotted key, such as {"worker.lease": "5s"}; None was not given.
        cwd: The current folder; None reads no file but a named one.
        allow_insecure_config: Read a file that others may write.

    Returns:
        Checked settings with their origins. Costs no Redis round trip.

    Raises:
        ConfigError: A file cannot be read or may be written by others, or settings are wrong; all
            that are wrong are listed, each with its key, place and value.
    """
    sources = collect(
        config_path, environ, overrides, cwd, allow_insecure_config=allow_insecure_config
    )
    return LoadedSettings(check_sources(sources), sources)


def check_sources(sources: Sources) -> Settings:
    """Validate merged sources.

    Raises:
        ConfigError: Settings are wrong; all are listed.
    """
    try:
        return Settings.model_validate(sources.values)
    except ValidationError as error:
        # `from None`: pydantic's text repeats values, and with them secrets.
        raise config_error(error, sources, Settings) from None


def server_url(
    loaded: LoadedSettings, embedded_url: str | None = None, profile: str = ""
) -> ServerChoice:
    """Decide which server the settings lead to.

    Args:
        loaded: From `load_settings`.
        embedded_url: URL of a running embedded server, or None; used if nothing names a server.
        profile: Name under `[profiles]`, or "".

    Returns:
        The choice, with its origin and whether it is a fallback to mention on stderr.

    Raises:
        ConfigError: As `choose_server`.
    """
    return choose_server(loaded.sources, profile, lambda: embedded_url)


def leaves_of(section: BaseModel, prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Yield path, as written in TOML, and value of each setting, in the order of the models."""
    for name, definition in type(section).model_fields.items():
        value = getattr(section, name)
        path = (*prefix, definition.alias or name)
        if isinstance(value, BaseModel):
            yield from leaves_of(value, path)
        elif _is_table_of_models(value):
            for key, entry in value.items():
                yield from leaves_of(entry, (*path, key))
        else:
            yield path, value


def _is_table_of_models(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(entry, BaseModel) for entry in value.values())
