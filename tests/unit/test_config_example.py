"""config.example.toml names every setting, shows defaults, and is valid with all switched on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from rediq_core.config.editing import EXAMPLE_FILE, init_text
from rediq_core.config.loader import leaves_of, load_settings
from rediq_core.config.settings import Settings

EXAMPLE = Path(__file__).parents[2] / EXAMPLE_FILE
SWITCHED_OFF = re.compile(r"^# (?=\[[a-z_.]+\]$|[a-z_]+ = )", re.MULTILINE)


def switched_on() -> str:
    return SWITCHED_OFF.sub("", EXAMPLE.read_text())


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def keys_of(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every key of the models, `*` for names that the user chooses."""
    for name, field in model.model_fields.items():
        key = (*prefix, field.alias or name)
        below = list(models_in(field.annotation))
        is_named = getattr(field.annotation, "__origin__", None) is dict
        yield from [key] if not below else keys_of(below[0], (*key, "*") if is_named else key)


# Keys of an inline table that only one kind uses; the comment above it explains them.
EXPLAINED = {("queues", "*", "backoff", "delays")}


def is_there(document: object, key: tuple[str, ...]) -> bool:
    if not key:
        return True
    if isinstance(document, list):
        return key in {("delays",), ("kind",), ("base",), ("cap",), ("jitter",)}  # the short form
    if not isinstance(document, dict):
        return False
    below = document.values() if key[0] == "*" else [document.get(key[0])]
    return any(value is not None and is_there(value, key[1:]) for value in below)


@pytest.mark.parametrize("key", list(keys_of(Settings)), ids=".".join)
def test_every_setting_is_in_the_example(key: tuple[str, ...]) -> None:
    document = tomllib.loads(switched_on())
    assert is_there(document, key) or (key in EXPLAINED and f"{key[-1]} =" in EXAMPLE.read_text())


def all_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for below in models_in(field.annotation):
            yield from all_models(below)


MODELS = {model.__name__: model for model in all_models(Settings)}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_every_setting_is_described_and_documented(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert f"    {name}:" in cleandoc(model.__doc__ or ""), name


def test_what_is_switched_on_in_the_example_is_the_default(tmp_path: Path) -> None:
    loaded = load_settings(EXAMPLE, {"REDIQ_ALLOW_INSECURE_CONFIG": "1"}, {}, tmp_path)
    assert loaded.settings == Settings()
    assert dict(leaves_of(loaded.settings)) == dict(leaves_of(Settings()))


def test_the_example_is_valid_with_everything_switched_on(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(switched_on())
    path.chmod(0o600)
    environ = {"REDIS_PASSWORD": "x"}
    settings = load_settings(path, environ, {}, tmp_path).settings
    assert list(settings.queues) == ["payment"]
    assert list(settings.schedules) == ["timeout_check"]
    assert list(settings.profiles) == ["production"]


def test_the_example_of_the_package_is_the_one_of_the_repository() -> None:
    assert init_text() == EXAMPLE.read_text(encoding="utf-8")
