"""What a function says it takes: context, payload, then resources, by position.

Read once, when the function is registered. A wrong first parameter, a wrong mode and a name that
cannot be resolved are refused here with what to write instead; whether the resources exist is known
only later (`resources.py`).
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Literal

from rediq_core.errors import ConfigError, InvalidOption
from rediq_core.handlers.context import Context, RunContext, SyncContext
from rediq_core.model.task_type import UNTYPED

Mode = Literal["async", "thread", "process"]
MODES: tuple[Mode, ...] = ("async", "thread", "process")

# Names under which a first parameter without annotation is taken for the context.
_CONTEXT_NAMES = frozenset({"ctx", "_ctx", "context", "_"})
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An annotation whose names are not there at run time, as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class Needed:
    """A resource that a function takes.

    Attributes:
        parameter: Name of the parameter.
        type: Its annotation, the key of the resource.
    """

    parameter: str
    type: object


@dataclass(frozen=True, slots=True)
class Signature:
    """What was read off a handler.

    Attributes:
        where: Module and name, for errors.
        mode: async, thread or process.
        takes_payload: Whether it has a second parameter.
        payload: That one's annotation; UNTYPED if it has none.
        returns: Its return annotation; UNTYPED for none, None and what cannot be resolved.
        needs: The resources it takes, in order.
    """

    where: str
    mode: Mode
    takes_payload: bool
    payload: object
    returns: object
    needs: tuple[Needed, ...]


def where_is(function: object) -> str:
    """Return module and name of a function or object, for errors."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None) or "?"
    return f"{module}.{name}"


def read_signature(function: Callable[..., object], mode: Mode | None = None) -> Signature:
    """Read a handler's signature and settle its mode.

    Args:
        function: A function or bound method.
        mode: The mode that was asked for; None takes async for `async def`, else thread.

    Raises:
        ConfigError: It cannot be a handler as it is written; the error says what to write.
        InvalidOption: The mode is not known.
    """
    where = where_is(function)
    if not inspect.isroutine(function):
        raise ConfigError(
            f"{where} is not a function.",
            next_step="Register an object that has a handle method with mux.add(type, object).",
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigError(f"handler {where} yields.", next_step="Return one value instead.")
    settled = _settle_mode(function, mode, where)
    parameters, annotations = _parameters(function, where), annotations_of(function)
    _check_context(parameters, annotations, settled, where)
    takes_payload = len(parameters) > 1
    payload = annotations.get(parameters[1], UNTYPED) if takes_payload else UNTYPED
    returns = annotations.get("return", UNTYPED)
    if returns is type(None) or isinstance(returns, Unresolved):
        returns = UNTYPED
    needs = _needs(parameters[2:], annotations, where)
    if settled == "process" and needs:
        raise ConfigError(
            f"handler {where} runs in a process and takes {needs[0].parameter}.",
            cause="Resources are open in the task process, not in the processes it starts.",
            next_step="Open it inside the handler, or use another mode.",
        )
    return Signature(where, settled, takes_payload, payload, returns, needs)


def annotations_of(function: Callable[..., object]) -> dict[str, object]:
    """Return a function's annotations, each resolved on its own.

    One that names what only the type checker imports is `Unresolved`, and does not spoil the rest.
    """
    plain = inspect.unwrap(getattr(function, "__func__", function))
    names = dict(getattr(plain, "__globals__", {}))
    closure = zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=False)
    for name, cell in closure:
        try:
            names[name] = cell.cell_contents
        except ValueError:  # the cell is filled later, after the decorator
            continue
    raw = inspect.get_annotations(plain)
    return {name: _resolve(annotation, names) for name, annotation in raw.items()}


def _resolve(annotation: object, names: dict[str, object]) -> object:
    holder = SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, names, include_extras=True)["it"]
    except (NameError, AttributeError, SyntaxError, TypeError):
        return Unresolved(str(annotation))


def _settle_mode(function: Callable[..., object], mode: Mode | None, where: str) -> Mode:
    is_async = inspect.iscoroutinefunction(function)
    if mode is None:
        return "async" if is_async else "thread"
    if mode not in MODES:
        raise InvalidOption(f"mode {mode!r} is not known.", cause=f"It is one of {MODES}.")
    if is_async != (mode == "async"):
        written, wanted = ("async def", "def") if is_async else ("def", "async def")
        raise ConfigError(
            f"handler {where} cannot run in mode {mode!r}.",
            cause=f"It is written with {written}.",
            next_step=f"Write it with {wanted}, or leave mode out.",
        )
    if mode == "process":
        _check_importable(function, where)
    return mode


def _check_importable(function: Callable[..., object], where: str) -> None:
    name, module = function.__qualname__, function.__module__
    if inspect.ismethod(function) or "." in name or "<" in name or module == "__main__":
        raise ConfigError(
            f"handler {where} cannot run in a process.",
            cause="A new process finds it by module and name, and this one has none of its own.",
            next_step="Move it to the top level of a module that can be imported.",
        )


def _parameters(function: Callable[..., object], where: str) -> list[str]:
    """Return the names of the parameters that are filled by position."""
    names: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in _POSITIONAL:
            # From the third on, a default says that nobody has to fill it.
            if len(names) < 2 or parameter.default is inspect.Parameter.empty:
                names.append(parameter.name)
            continue
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or (
            parameter.default is inspect.Parameter.empty
        ):
            raise ConfigError(
                f"parameter {parameter.name} of {where} cannot be filled.",
                cause="Parameters are filled by position: ctx, payload, then resources.",
            )
    return names


def _check_context(
    parameters: list[str], annotations: dict[str, object], mode: Mode, where: str
) -> None:
    right: type[RunContext] = Context if mode == "async" else SyncContext
    write = f"Write: {'async ' if mode == 'async' else ''}def …(ctx: {right.__name__}, payload, …)"
    if not parameters:
        raise ConfigError(f"handler {where} takes no context.", next_step=write)
    first = parameters[0]
    found = context_kind(first, annotations)
    if found is None:
        raise ConfigError(
            f"the first parameter of handler {where}, {first}, is not a context.", next_step=write
        )
    if not issubclass(right, found):
        runs = "on the event loop" if mode == "async" else f"in a {mode}"
        raise ConfigError(
            f"handler {where} takes a {found.__name__}.",
            cause=f"It runs {runs}, where it is given a {right.__name__}.",
            next_step=write,
        )


def context_kind(name: str, annotations: dict[str, object]) -> type[RunContext] | None:
    """Return which context a parameter asks for; RunContext if it does not say; None if none."""
    if name not in annotations:
        return RunContext if name in _CONTEXT_NAMES else None
    annotation = annotations[name]
    if isinstance(annotation, Unresolved):
        # Imported for the type checker only: known by its name.
        last = annotation.text.rpartition(".")[2]
        return {"Context": Context, "SyncContext": SyncContext}.get(last)
    if isinstance(annotation, type) and issubclass(annotation, RunContext):
        return annotation
    return None


def _needs(parameters: list[str], annotations: dict[str, object], where: str) -> tuple[Needed, ...]:
    return tuple(needed(name, annotations, where) for name in parameters)


def needed(name: str, annotations: dict[str, object], where: str) -> Needed:
    """Return the resource that a parameter asks for.

    Raises:
        ConfigError: The parameter has no annotation, or one that cannot be resolved.
    """
    annotation = annotations.get(name)
    if annotation is None or isinstance(annotation, Unresolved):
        written = "has no annotation" if annotation is None else f"is a {annotation.text}"
        raise ConfigError(
            f"parameter {name} of {where} names no resource.",
            cause=f"It {written}, which is not known at run time."
            if annotation is not None
            else f"It {written}.",
            next_step="Annotate it with the type that an @mux.resource yields, imported outside"
            " TYPE_CHECKING.",
        )
    return Needed(name, annotation)
