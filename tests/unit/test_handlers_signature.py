"""What a function may look like to be a handler, and what it is told if it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest

from rediq_core.errors import ConfigError, InvalidOption
from rediq_core.handlers.context import Context, SyncContext
from rediq_core.handlers.signature import Mode, Needed, Signature, Unresolved, read_signature
from rediq_core.model.task_type import UNTYPED

if TYPE_CHECKING:
    from fractions import Fraction

    from rediq_core.handlers import context

NAME = "tests.unit.test_handlers_signature"


class Order:
    pass


class Pool:
    pass


async def full(ctx: Context, payload: Order, db: Pool) -> int:
    return 0


async def bare(ctx: Context) -> None: ...
async def unannotated(ctx, payload): ...  # type: ignore[no-untyped-def]  # read at run time
def plain(ctx: SyncContext, payload: list[int]) -> str:
    return ""


async def with_default(
    ctx: Context, payload: Order, tries: int = 3, *, loud: bool = False
) -> None: ...
async def optional_payload(ctx: Context, payload: Order | None = None) -> None: ...
async def late_context(ctx: context.Context, payload: Order) -> None: ...
async def late_payload(ctx: Context, payload: Fraction) -> Fraction:
    return payload


@pytest.mark.parametrize(
    ("function", "mode", "takes_payload", "payload", "returns", "needs"),
    [
        (full, "async", True, Order, int, (Needed("db", Pool),)),
        (bare, "async", False, UNTYPED, UNTYPED, ()),
        (unannotated, "async", True, UNTYPED, UNTYPED, ()),
        (plain, "thread", True, list[int], str, ()),
        (with_default, "async", True, Order, UNTYPED, ()),
        (optional_payload, "async", True, Order | None, UNTYPED, ()),
        (late_context, "async", True, Order, UNTYPED, ()),
        (late_payload, "async", True, Unresolved("Fraction"), UNTYPED, ()),
    ],
)
def test_a_signature_is_read_by_position(
    function: Callable[..., object],
    mode: Mode,
    takes_payload: bool,
    payload: object,
    returns: object,
    needs: tuple[Needed, ...],
) -> None:
    where = f"{NAME}.{function.__qualname__}"

    assert read_signature(function) == Signature(
        where, mode, takes_payload, payload, returns, needs
    )


def test_a_bound_method_is_read_without_its_self() -> None:
    class Handlers:
        async def handle(self, ctx: Context, payload: Order) -> None: ...

    signature = read_signature(Handlers().handle)

    assert (signature.mode, signature.payload) == ("async", Order)


def test_a_wrapped_function_is_read_as_what_it_wraps() -> None:
    def timed(function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        @wraps(function)
        async def wrapper(*args: object) -> object:
            return await function(*args)

        return wrapper

    assert read_signature(timed(full)).needs == (Needed("db", Pool),)


def test_local_types_are_found_if_the_body_uses_them() -> None:
    class Local:
        pass

    async def handler(ctx: Context, payload: Local) -> None:
        assert isinstance(payload, Local)

    assert read_signature(handler).payload is Local


async def sync_context_in_async(ctx: SyncContext, payload: Order) -> None: ...
def context_in_plain(ctx: Context, payload: Order) -> None: ...
async def payload_first(payload: Order) -> None: ...
async def nothing() -> None: ...
async def unnamed_first(payload): ...  # type: ignore[no-untyped-def]  # read at run time
async def starred(ctx: Context, *payloads: Order) -> None: ...
async def keyword(ctx: Context, payload: Order, *, db: Pool) -> None: ...
async def unknown_resource(ctx: Context, payload: Order, db) -> None: ...  # type: ignore[no-untyped-def]  # read at run time
async def late_resource(ctx: Context, payload: Order, half: Fraction) -> None: ...
async def yields(ctx: Context) -> AsyncIterator[int]:
    yield 1


def yields_plainly(ctx: SyncContext) -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (sync_context_in_async, ["takes a SyncContext", "async def …(ctx: Context, payload, …)"]),
        (context_in_plain, ["takes a Context", "in a thread", "def …(ctx: SyncContext, payload"]),
        (payload_first, ["first parameter", "payload, is not a context", "ctx: Context"]),
        (unnamed_first, ["first parameter", "payload, is not a context"]),
        (nothing, ["takes no context", "ctx: Context"]),
        (starred, ["parameter payloads", "by position"]),
        (keyword, ["parameter db", "by position"]),
        (unknown_resource, ["parameter db", "has no annotation", "@mux.resource"]),
        (late_resource, ["parameter half", "Fraction", "not known at run time", "TYPE_CHECKING"]),
        (yields, ["yields"]),
        (yields_plainly, ["yields"]),
        (Order(), ["is not a function", "mux.add"]),
    ],
)
def test_what_cannot_be_a_handler_is_told_what_to_write(
    function: Callable[..., object], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_signature(function)

    where = getattr(function, "__qualname__", "Order")
    assert [word for word in [where, *words] if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("function", "mode", "words"),
    [
        (full, "thread", ["cannot run in mode 'thread'", "written with async def", "with def"]),
        (full, "process", ["cannot run in mode 'process'"]),
        (plain, "async", ["written with def", "with async def"]),
    ],
)
def test_a_mode_that_does_not_fit_the_function_is_refused(
    function: Callable[..., object], mode: Mode, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_signature(function, mode)

    assert [word for word in words if word not in str(caught.value)] == []


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InvalidOption, match="mode 'fiber' is not known"):
        read_signature(full, "fiber")  # type: ignore[arg-type]  # the wrong mode is the test


def test_a_module_level_function_may_run_in_a_process() -> None:
    assert read_signature(plain, "process").mode == "process"


def test_a_local_function_cannot_run_in_a_process() -> None:
    def local(ctx: SyncContext) -> None: ...

    with pytest.raises(ConfigError, match="cannot run in a process"):
        read_signature(local, "process")


def plain_with_pool(ctx: SyncContext, payload: Order, db: Pool) -> None: ...


def test_a_process_handler_takes_no_resources() -> None:
    with pytest.raises(ConfigError, match="runs in a process and takes db"):
        read_signature(plain_with_pool, "process")
