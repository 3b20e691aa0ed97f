"""A configuration is written whole, valid, and with the mode it had, or not at all."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from rediq_core.config.editing import init_file, init_text, set_key
from rediq_core.config.loader import load_settings
from rediq_core.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("# comment\n[worker]\nconcurrency = 3\n")
    path.chmod(0o640)
    return path


def test_a_new_file_is_the_commented_example_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "rediq.toml"
    init_file(path)
    assert path.read_text() == init_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_settings(None, {}, {}, tmp_path).path == path


def test_an_existing_file_is_never_overwritten_by_the_example(config: Path) -> None:
    before = config.read_text()
    with pytest.raises(ConfigError, match="exists"):
        init_file(config)
    assert config.read_text() == before


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        init_file(tmp_path / "no" / "rediq.toml")
    with pytest.raises(ConfigError, match="cannot write"):
        set_key(tmp_path / "no" / "rediq.toml", "worker.concurrency", "3")


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("worker.concurrency", "4", 4),
        ("worker.concurrency", 4, 4),
        ("worker.lease", "15s", "15s"),
        ("worker.lease", "15", 15),
        ("worker.strict", "true", True),
        ("worker.queues", '["a", "b"]', ["a", "b"]),
        ("worker.queues", ("a", "b"), ["a", "b"]),
        ("redis.namespace", "123", "123"),
        ("redis.namespace", "shop", "shop"),
        ("redis.namespace", '"shop"', "shop"),
        ("redis.password", "true", "true"),
        ("queues.order:payment.rate", "100/m", "100/m"),
        ('queues."a.b".backoff', '{ kind = "fixed" }', {"kind": "fixed"}),
        ("log.level", "debug", "debug"),
    ],
)
def test_a_typed_value_becomes_what_the_setting_takes(
    config: Path, key: str, typed: object, value: object
) -> None:
    assert set_key(config, key, typed) == value
    document = tomllib.loads(config.read_text())
    for part in key.replace('"a.b"', "a@b").split("."):
        document = document[part.replace("@", ".")]
    assert document == value


def test_other_settings_and_the_mode_stay(config: Path) -> None:
    set_key(config, "worker.lease", "5s")
    assert tomllib.loads(config.read_text()) == {"worker": {"concurrency": 3, "lease": "5s"}}
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    ("key", "typed", "match"),
    [
        ("worker.concurrency", "0", "greater than or equal to 1"),
        ("worker.concurrency", "ten", "whole number"),
        ("worker.concurrencx", "3", 'Did you mean "concurrency"'),
        ("worker.concurrency.x", "3", "is a value, not a table"),
        ("worker", "3", "a table"),
        ("", "3", "not the name of a setting"),
        ("redis.namespace", "a\nb = 3", "1 to 128"),
    ],
)
def test_what_would_not_be_valid_changes_nothing(
    config: Path, key: str, typed: str, match: str
) -> None:
    before = config.read_text()
    with pytest.raises(ConfigError, match="E014") as caught:
        set_key(config, key, typed)
    assert match in str(caught.value)
    assert config.read_text() == before
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


def test_a_file_that_is_not_there_is_created_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "rediq.toml"
    set_key(path, "redis.password", "secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tomllib.loads(path.read_text()) == {"redis": {"password": "secret"}}


def test_a_symbolic_link_stays_one(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    set_key(link, "worker.concurrency", "5")
    assert link.is_symlink()
    assert tomllib.loads(config.read_text())["worker"]["concurrency"] == 5


def test_a_file_that_everybody_may_write_is_not_edited(config: Path) -> None:
    config.chmod(0o666)
    with pytest.raises(ConfigError, match="everybody"):
        set_key(config, "worker.concurrency", "5")


def test_a_variable_in_the_file_stays_a_variable(config: Path) -> None:
    config.write_text('[redis]\nurl = "redis://:${PW}@h"\n')
    set_key(config, "worker.concurrency", "5")
    assert tomllib.loads(config.read_text())["redis"]["url"] == "redis://:${PW}@h"
