"""Turn what pydantic found into one error a person can act on: key, line, value, next step.

Values are shown redacted and cut. Everything that is wrong is listed, not only the first. This is
about wording; what is wrong was decided by the models.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rediq_core.config.keypaths import KeyPath, join_key
from rediq_core.config.redact import is_secret_field, redact_fields, redact_url
from rediq_core.config.server import place_of
from rediq_core.config.sources import Sources
from rediq_core.errors import ConfigError

# Characters of a wrong value that are repeated.
_SHOWN_CHARACTERS = 80
# What pydantic calls by the names of Python, in the words of TOML.
_REASONS = {
    "model_type": "It should be a table.",
    "model_attributes_type": "It should be a table.",
    "dict_type": "It should be a table.",
    "tuple_type": "It should be a list.",
    "bool_type": "It should be true or false.",
    "int_type": "It should be a whole number.",
    "string_type": "It should be text in quotes.",
}
# Names under which a URL stands: shown with its secrets hidden.
_URL_KEYS = frozenset({"url"})


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        what: The value, or the key that is unknown or missing, and its place in brackets.
        why: What is expected there.
    """

    what: str
    why: str


def config_error(error: ValidationError, sources: Sources, model: type[BaseModel]) -> ConfigError:
    """Word a failed validation of merged sources.

    Args:
        error: From validating `sources.values` against `model`.
        sources: Tells place and line of each value.
        model: The root model, for the names it could have been.

    Returns:
        One error that lists every problem; to be raised by the caller.
    """
    found = [_problem(details, sources, model) for details in error.errors(include_url=False)]
    problems = list(dict.fromkeys(found))
    where = sources.path or "the environment"
    next_step = "Check again: rediq config check"
    next_step += f" -c {sources.path}" if sources.path else ""
    if len(problems) == 1:
        only = problems[0]
        return ConfigError(f"{only.what}.", cause=only.why, next_step=next_step)
    lines = (f"{problem.what}: {problem.why}" for problem in problems)
    return ConfigError(
        f"{len(problems)} settings in {where} are wrong.",
        cause="\n     ".join(lines),
        next_step=next_step,
    )


def _problem(details: ErrorDetails, sources: Sources, model: type[BaseModel]) -> Problem:
    path = _path_of(details["loc"], sources)
    place = place_of(path, sources.origin_of(path)) if path else _file_of(sources)
    kind = details["type"]
    if kind == "extra_forbidden":
        return Problem(f"unknown key {_quoted(path[-1])} ({place})", _suggestion(path, model))
    if kind == "missing":
        place = place_of(path, sources.origin_of(path[:-1]))
        return Problem(f"{_quoted(path[-1])} is missing ({place})", "It has no default.")
    why = _reason(details)
    if details["loc"][-1:] == ("[key]",):
        return Problem(f"the name {_quoted(path[-1])} is not allowed ({place})", why)
    if not path or isinstance(details["input"], dict):
        return Problem(f"these settings do not fit together ({place})", why)
    return Problem(f"{_value(path, details['input'])} is not accepted ({place})", why)


def _reason(details: ErrorDetails) -> str:
    known = _REASONS.get(details["type"])
    if known is not None:
        return known
    text = details["msg"].removeprefix("Value error, ").replace("Input should", "It should", 1)
    return text.rstrip(".") + "."


def _file_of(sources: Sources) -> str:
    return sources.path.name if sources.path is not None else "environment and flags"


def _path_of(loc: Sequence[int | str], sources: Sources) -> KeyPath:
    """Return the path of keys as written: without list positions and pydantic's own marks."""
    path: list[str] = []
    value: object = sources.values
    for part in loc:
        if isinstance(part, int) or part == "[key]":
            break
        path.append(part)
        value = value.get(part) if isinstance(value, dict) else None
    return tuple(path)


def _suggestion(path: KeyPath, model: type[BaseModel]) -> str:
    names = sorted(_names_at(path[:-1], model))
    close = difflib.get_close_matches(path[-1], names, n=1)
    where = f"[{join_key(path[:-1])}]" if path[:-1] else "the file"
    known = f"{where} knows {', '.join(names)}." if names else ""
    return f'Did you mean "{close[0]}"?' if close else known


def _names_at(path: Sequence[str], model: type[BaseModel]) -> set[str]:
    models: list[type[BaseModel]] = [model]
    parts = list(path)
    while parts and models:
        models = list(_below(models[0], parts))
    return {
        field.alias or name for found in models[:1] for name, field in found.model_fields.items()
    }


def _below(model: type[BaseModel], parts: list[str]) -> Iterator[type[BaseModel]]:
    """Step one key down, two where the key is a name the user chose; consume `parts`."""
    wanted = parts.pop(0)
    for name, field in model.model_fields.items():
        if (field.alias or name) == wanted:
            if _is_named_table(field.annotation) and parts:
                parts.pop(0)
            yield from _models_in(field.annotation)


def _is_named_table(annotation: object) -> bool:
    return getattr(annotation, "__origin__", None) is dict


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _value(path: KeyPath, value: object) -> str:
    if path[-1] in _URL_KEYS and isinstance(value, str):
        return _quoted(redact_url(value))
    if any(is_secret_field(key) for key in path):
        return "the value"
    return _quoted(redact_fields(value))


def _quoted(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
