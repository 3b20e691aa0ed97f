"""Files that others could have changed are refused; a .env that others can read is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rediq_core.config.files import find_file, parse_toml, read_config_text, read_env_file
from rediq_core.config.loader import load_settings
from rediq_core.errors import ConfigError


def config_in(folder: Path, text: str = "", name: str = "rediq.toml", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_named_file_wins_over_the_variable_and_the_variable_over_the_folder(
    tmp_path: Path,
) -> None:
    for name in ("rediq.toml", "env.toml", "flag.toml"):
        config_in(tmp_path, name=name)
    environ = {"REDIQ_CONFIG": "env.toml"}
    assert find_file(Path("flag.toml"), environ, tmp_path) == tmp_path / "flag.toml"
    assert find_file(None, environ, tmp_path) == tmp_path / "env.toml"
    assert find_file(None, {}, tmp_path) == tmp_path / "rediq.toml"
    assert find_file(None, {"REDIQ_CONFIG": " "}, tmp_path) == tmp_path / "rediq.toml"


def test_a_library_looks_at_no_file_that_was_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config_in(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert find_file(None, {}, None) is None
    assert find_file(None, {"REDIQ_CONFIG": str(path)}, None) == path


def test_without_any_file_there_is_none(tmp_path: Path) -> None:
    assert find_file(None, {}, tmp_path) is None


@pytest.mark.parametrize(
    ("config_path", "environ", "named_by"),
    [(Path("x.toml"), {}, "-c"), (None, {"REDIQ_CONFIG": "x.toml"}, "REDIQ_CONFIG")],
)
def test_a_named_file_that_is_missing_is_an_error(
    tmp_path: Path, config_path: Path | None, environ: dict[str, str], named_by: str
) -> None:
    config_in(tmp_path)
    with pytest.raises(ConfigError, match=f"named by {named_by}"):
        find_file(config_path, environ, tmp_path)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444, 0o755])
def test_a_file_that_only_its_owner_may_write_is_read(tmp_path: Path, mode: int) -> None:
    assert read_config_text(config_in(tmp_path, "x = 1", mode=mode)) == "x = 1"


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o777])
def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = config_in(tmp_path, mode=mode)
    with pytest.raises(ConfigError, match=r"everybody \(mode 0\d{3}\)") as caught:
        read_config_text(path)
    assert f"chmod go-w {path}" in caught.value.next_step


def test_a_file_that_a_shared_group_may_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config_in(tmp_path, mode=0o660)
    monkeypatch.setattr("grp.getgrgid", _group(["somebody-else"]))
    with pytest.raises(ConfigError, match="its group"):
        read_config_text(path)


def test_a_file_of_an_unknown_group_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config_in(tmp_path, mode=0o660)

    def unknown(gid: int) -> object:
        raise KeyError(gid)

    monkeypatch.setattr("grp.getgrgid", unknown)
    with pytest.raises(ConfigError, match="its group"):
        read_config_text(path)


def test_a_group_of_its_owner_alone_is_not_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config_in(tmp_path, "x = 1", mode=0o664)
    owner = _owner_name()
    monkeypatch.setattr("grp.getgrgid", _group([owner]))
    monkeypatch.setattr("pwd.getpwuid", _owner(path.stat().st_gid))
    assert read_config_text(path) == "x = 1"


class _Entry:
    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


def _owner_name() -> str:
    return "ana"


def _owner(gid: int) -> object:
    return lambda _uid: _Entry(pw_gid=gid, pw_name=_owner_name())


def _group(members: list[str]) -> object:
    return lambda _gid: _Entry(gr_name=_owner_name(), gr_mem=members)


@pytest.mark.parametrize("environ", [{"REDIQ_ALLOW_INSECURE_CONFIG": "1"}, {}])
def test_an_insecure_file_is_read_when_told_so(tmp_path: Path, environ: dict[str, str]) -> None:
    config_in(tmp_path, "[worker]\nconcurrency = 3", mode=0o666)
    loaded = load_settings(None, environ, {}, tmp_path, allow_insecure_config=not environ)
    assert loaded.settings.worker.concurrency == 3


def test_a_folder_instead_of_a_file_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ConfigError, match="cannot read"):
        read_config_text(tmp_path)


def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"x = '\xff'")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="UTF-8"):
        read_config_text(path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    path.chmod(0o600)
    assert read_config_text(path) == "x = 1\n"


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = config_in(tmp_path)
    os.truncate(path, 4 * 1024 * 1024 + 1)
    with pytest.raises(ConfigError, match="over 4194304 bytes"):
        read_config_text(path)


def test_what_is_not_toml_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"a\.toml line 2 is not TOML"):
        parse_toml("x = 1\ny\nz = 2", Path("a.toml"))


def test_an_env_file_is_read_as_names_and_values(tmp_path: Path) -> None:
    config_in(
        tmp_path,
        "# comment\n\nREDIS_URL=redis://:a#b@h\nexport A = 'x # y' # note\nB=\"  c \"\n"
        "C=plain # note\nD=\nE=${A}\nF=a=b\nG=# note\n",
        name=".env",
    )
    values, warnings = read_env_file(tmp_path)
    assert values == {
        "REDIS_URL": "redis://:a#b@h",
        "A": "x # y",
        "B": "  c ",
        "C": "plain",
        "D": "",
        "E": "${A}",
        "F": "a=b",
        "G": "",
    }
    assert warnings == ()


def test_a_line_of_an_env_file_that_is_none_is_reported_without_its_text(tmp_path: Path) -> None:
    config_in(tmp_path, "A=1\nhunter2\n", name=".env")
    values, warnings = read_env_file(tmp_path)
    assert values == {"A": "1"}
    assert len(warnings) == 1
    assert "line 2" in warnings[0]
    assert "hunter2" not in warnings[0]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_an_env_file_that_others_may_touch_is_skipped_and_said_so(
    tmp_path: Path, mode: int
) -> None:
    config_in(tmp_path)
    path = config_in(tmp_path, "REDIQ_URL=redis://env-file\n", name=".env", mode=mode)
    loaded = load_settings(None, {}, {}, tmp_path)
    assert loaded.settings.redis.url is None
    assert [f"chmod 600 {path}" in warning for warning in loaded.warnings] == [True]


def test_an_env_file_without_a_configuration_beside_it_is_not_read(tmp_path: Path) -> None:
    config_in(tmp_path, "REDIQ_URL=redis://env-file\n", name=".env")
    loaded = load_settings(None, {}, {}, tmp_path)
    assert loaded.settings.redis.url is None
    assert loaded.env_file == {}


def test_an_env_file_of_the_current_folder_is_not_read_for_a_file_elsewhere(
    tmp_path: Path,
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    path = config_in(there)
    config_in(tmp_path, "REDIQ_URL=redis://env-file\n", name=".env")
    assert load_settings(path, {}, {}, tmp_path).settings.redis.url is None


def test_an_env_file_keeps_variables_of_the_application(tmp_path: Path) -> None:
    config_in(tmp_path)
    config_in(tmp_path, "ORDER_TIMEOUT_HOURS=24\n", name=".env")
    assert load_settings(None, {}, {}, tmp_path).env_file == {"ORDER_TIMEOUT_HOURS": "24"}
