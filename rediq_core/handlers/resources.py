"""What handlers share for as long as a task process lives: pools, clients, models.

A resource is a generator function, async or plain, that yields once: what is before the yield opens
it, what is after closes it. It is found by the type it yields. Opened in the order of registration
before the first task, closed in reverse after the last; one that fails to open closes those
before it. Plain generators run on the event loop: they hold it up while they open and close.

A scope is what one Mux registered. A handler looks in its own mux's scope first, then in those of
the muxes that include it, so two modules may each have a pool of the same type.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field

from rediq_core.errors import ConfigError
from rediq_core.handlers.middleware import Layer
from rediq_core.handlers.signature import Needed, Unresolved, annotations_of, needed, where_is

ResourceFunction = Callable[..., AsyncIterator[object] | Iterator[object]]
_YIELDING = (AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator)


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A registered resource.

    Attributes:
        function: The generator function.
        type: What it yields, its key.
        needs: Other resources it takes.
        where: Module and name, for errors.
    """

    function: ResourceFunction
    type: object
    needs: tuple[Needed, ...]
    where: str


@dataclass(slots=True, eq=False)
class Scope:
    """What one Mux registered besides handlers; shared by reference, so later additions count.

    Attributes:
        resources: By the type they yield, in order of registration.
        layers: Middlewares, the first one outermost.
    """

    resources: dict[object, Resource] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)


# Innermost scope first: a mux's own, then that of the mux that includes it, and so on.
Scopes = tuple[Scope, ...]


def read_resource(function: ResourceFunction) -> Resource:
    """Read what a resource yields and takes.

    Raises:
        ConfigError: It is not a generator function, or does not say what it yields.
    """
    where = where_is(function)
    if not (inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)):
        raise ConfigError(
            f"resource {where} is not a generator function.",
            next_step="Write it as: async def name() -> AsyncIterator[Pool], with one yield.",
        )
    annotations = annotations_of(function)
    yielded = _yielded_type(annotations.get("return"))
    if yielded is None:
        raise ConfigError(
            f"resource {where} does not say what it yields.",
            cause="Handlers find it by that type.",
            next_step="Annotate it with -> AsyncIterator[Pool] (or Iterator[Pool]).",
        )
    parameters = inspect.signature(function).parameters.values()
    needs = tuple(
        needed(parameter.name, annotations, where)
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty
    )
    return Resource(function, yielded, needs, where)


def _yielded_type(returns: object) -> object | None:
    arguments = typing.get_args(returns)
    if isinstance(returns, Unresolved) or typing.get_origin(returns) not in _YIELDING:
        return None
    return arguments[0] if arguments else None


def find_resource(need: Needed, scopes: Scopes, where: str) -> Resource:
    """Return the resource that a parameter asks for.

    Raises:
        ConfigError: No mux in reach has one of its type.
    """
    for scope in scopes:
        resource = scope.resources.get(need.type)
        if resource is not None:
            return resource
    known = sorted({_name_of(key) for scope in scopes for key in scope.resources})
    raise ConfigError(
        f"parameter {need.parameter} of {where} asks for a {_name_of(need.type)},"
        " which no resource yields.",
        cause=f"Resources there are: {', '.join(known)}." if known else "There are no resources.",
        next_step="Register one: @mux.resource async def …() ->"
        f" AsyncIterator[{_name_of(need.type)}]",
    )


def _name_of(key: object) -> str:
    return key.__qualname__ if isinstance(key, type) else str(key)


def opening_order(stacks: Sequence[Scopes]) -> list[tuple[Resource, Scopes]]:
    """Return every resource with the scopes it may look in, in the order they are opened.

    Raises:
        ConfigError: One takes another that is missing or is registered after it.
    """
    order: list[tuple[Resource, Scopes]] = []
    earlier: set[Resource] = set()
    for scopes in stacks:
        for resource in scopes[0].resources.values():
            if resource in earlier:
                continue
            for need in resource.needs:
                found = find_resource(need, scopes, resource.where)
                if found not in earlier:
                    raise ConfigError(
                        f"resource {resource.where} takes {need.parameter} from {found.where},"
                        " which is registered after it.",
                        next_step=f"Register {found.where} first.",
                    )
            earlier.add(resource)
            order.append((resource, scopes))
    return order


class OpenResources:
    """The resources of one task process while they are open.

    Attributes:
        values: What each resource yielded.

    Made by `open_resources`; whoever called that closes it. Belongs to that event loop.
    """

    def __init__(self) -> None:
        self.values: dict[Resource, object] = {}
        self._generators: list[
            tuple[Resource, AsyncGenerator[object, None] | Generator[object, None, None]]
        ] = []

    def values_for(self, needs: Sequence[Needed], scopes: Scopes, where: str) -> tuple[object, ...]:
        """Return what the parameters of one function are filled with."""
        return tuple(self.values[find_resource(need, scopes, where)] for need in needs)

    async def open(self, resource: Resource, scopes: Scopes) -> None:
        """Open one more resource; those it takes are open."""
        arguments = self.values_for(resource.needs, scopes, resource.where)
        generator = typing.cast(
            "AsyncGenerator[object, None] | Generator[object, None, None]",
            resource.function(*arguments),
        )
        try:
            if isinstance(generator, AsyncGenerator):
                self.values[resource] = await anext(generator)
            else:
                self.values[resource] = next(generator)
        except (StopAsyncIteration, StopIteration):
            raise ConfigError(
                f"resource {resource.where} yielded nothing.",
                next_step="It must yield exactly once.",
            ) from None
        self._generators.append((resource, generator))

    async def aclose(self) -> None:
        """Close all, the last opened first; safe twice.

        Raises:
            ExceptionGroup: Some failed to close; the others were closed all the same.
        """
        errors: list[Exception] = []
        while self._generators:
            resource, generator = self._generators.pop()
            try:
                await _run_to_end(resource, generator)
            except Exception as error:  # noqa: BLE001  # a user's code; the other resources still close
                errors.append(error)
        self.values.clear()
        if errors:
            raise ExceptionGroup("resources failed to close", errors)


async def _run_to_end(
    resource: Resource, generator: AsyncGenerator[object, None] | Generator[object, None, None]
) -> None:
    try:
        if isinstance(generator, AsyncGenerator):
            await anext(generator)
            await generator.aclose()
        else:
            next(generator)
            generator.close()
    except (StopAsyncIteration, StopIteration):
        return
    raise ConfigError(
        f"resource {resource.where} yielded twice.", next_step="It must yield exactly once."
    )


async def open_resources(
    stacks: Sequence[Scopes], replacements: Mapping[object, object]
) -> OpenResources:
    """Open every resource of these scopes.

    Args:
        stacks: A mux's own scopes, then those of the muxes it includes.
        replacements: Values to use instead of opening, by yielded type. For tests.

    Raises:
        ConfigError: One is missing, late, or yields nothing.
        Exception: Whatever one raised; those opened before it are closed again.
    """
    opened = OpenResources()
    try:
        for resource, scopes in opening_order(stacks):
            if resource.type in replacements:
                opened.values[resource] = replacements[resource.type]
            else:
                await opened.open(resource, scopes)
    except BaseException:
        await opened.aclose()
        raise
    return opened
