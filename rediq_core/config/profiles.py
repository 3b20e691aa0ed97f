"""A person's own named servers: `[profiles]` of ~/.config/rediq/config.toml.

They lie beneath the configuration file: a project's profile of the same name goes before. Nothing
else of that file is read, because it would then hold for every project of this person. Relative
paths in it start at its own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rediq_core.config.files import parse_toml, read_config_text
from rediq_core.config.keypaths import KeyPath, key_lines, line_of


@dataclass(frozen=True, slots=True)
class OwnProfiles:
    """What a person's file says.

    Attributes:
        path: The file, or None if there is none.
        profiles: Its tables by name; unchecked.
        lines: Line of each key.
        warnings: What of it was left out.
    """

    path: Path | None = None
    profiles: Mapping[str, object] | None = None
    lines: Mapping[KeyPath, int] | None = None
    warnings: tuple[str, ...] = ()

    def place_of(self, key: KeyPath) -> str:
        """Write where a key stands: "file ~/.config/rediq/config.toml line 2"."""
        line = line_of(self.lines or {}, key)
        return f"file {self.path}" + (f" line {line}" if line else "")


def own_file(environ: Mapping[str, str]) -> Path | None:
    """Return where a person's file would be; None if nothing says where home is."""
    base = environ.get("XDG_CONFIG_HOME", "").strip()
    home = environ.get("HOME", "").strip()
    if not base and not home:
        return None
    return (Path(base) if base else Path(home) / ".config") / "rediq" / "config.toml"


def read_own(environ: Mapping[str, str], *, allow_insecure: bool = False) -> OwnProfiles:
    """Read a person's file, if there is one.

    Args:
        environ: Environment variables: XDG_CONFIG_HOME, else HOME.
        allow_insecure: Read it even if others may write it.

    Raises:
        ConfigError: It cannot be read, is not TOML, or others may write it.
    """
    path = own_file(environ)
    if path is None or not path.is_file():
        return OwnProfiles()
    text = read_config_text(path, allow_insecure=allow_insecure)
    document = parse_toml(text, path)
    others = sorted(set(document) - {"profiles"})
    profiles = document.get("profiles")
    return OwnProfiles(
        path,
        profiles if isinstance(profiles, dict) else {},
        key_lines(text),
        tuple(f"{path}: only [profiles] is read there, not [{name}]." for name in others),
    )
