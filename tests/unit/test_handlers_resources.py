"""What handlers share: opened in order, closed in reverse, found by type, scoped by mux."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

import pytest

from rediq_core.errors import ConfigError
from rediq_core.handlers.context import Context
from rediq_core.handlers.mux import Mux
from rediq_core.model.task import Task
from tests.unit.handlers_support import context


class Pool:
    def __init__(self, name: str = "") -> None:
        self.name = name


class Cache:
    pass


class Mailer:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool


async def call(mux: Mux, type_name: str) -> object:
    registration = mux.lookup(type_name)
    assert registration is not None
    return await registration.call(context(Task(type_name)))


async def test_resources_open_in_order_and_close_in_reverse() -> None:
    mux = Mux()
    events: list[str] = []

    @mux.resource
    async def pool() -> AsyncIterator[Pool]:
        events.append("open pool")
        yield Pool()
        events.append("close pool")

    @mux.resource
    def cache() -> Iterator[Cache]:
        events.append("open cache")
        yield Cache()
        events.append("close cache")

    await mux.open_resources()
    events.append("run")
    await mux.close_resources()

    assert events == ["open pool", "open cache", "run", "close cache", "close pool"]


async def test_a_handler_gets_its_resources_by_type() -> None:
    mux = Mux()

    @mux.resource
    async def pool() -> AsyncGenerator[Pool, None]:
        yield Pool("main")

    @mux.resource
    def mailer(db: Pool) -> Iterator[Mailer]:
        yield Mailer(db)

    @mux.handler("a")
    async def handler(
        ctx: Context, payload: object, mails: Mailer, db: Pool
    ) -> tuple[object, bool]:
        return payload, mails.pool is db

    await mux.open_resources()

    assert await call(mux, "a") == (None, True)
    await mux.close_resources()


async def test_each_opening_makes_new_resources() -> None:
    mux = Mux()
    pools: list[Pool] = []

    @mux.resource
    async def pool() -> AsyncIterator[Pool]:
        pools.append(Pool())
        yield pools[-1]

    @mux.handler("a")
    async def handler(ctx: Context, payload: object, db: Pool) -> int:
        return pools.index(db)

    seen = []
    for _ in range(2):
        await mux.open_resources()
        seen.append(await call(mux, "a"))
        await mux.close_resources()

    assert seen == [0, 1]


async def test_resources_can_be_replaced() -> None:
    mux = Mux()
    fake = Pool("fake")

    @mux.resource
    async def pool() -> AsyncIterator[Pool]:
        if not fake.name:
            yield Pool()
        raise ConnectionError("no database here")

    @mux.handler("a")
    async def handler(ctx: Context, payload: object, db: Pool) -> str:
        return db.name

    await mux.open_resources(replacements={Pool: fake})

    assert await call(mux, "a") == "fake"
    await mux.close_resources()


async def test_one_that_fails_to_open_closes_those_before_it() -> None:
    mux = Mux()
    events: list[str] = []

    @mux.resource
    async def pool() -> AsyncIterator[Pool]:
        yield Pool()
        events.append("close pool")

    @mux.resource
    async def cache() -> AsyncIterator[Cache]:
        if not events:
            raise ConnectionError("cache is away")
        yield Cache()

    with pytest.raises(ConnectionError, match="cache is away"):
        await mux.open_resources()
    assert events == ["close pool"]


async def test_one_that_fails_to_close_does_not_keep_the_others_open() -> None:
    mux = Mux()
    events: list[str] = []

    @mux.resource
    async def pool() -> AsyncIterator[Pool]:
        yield Pool()
        events.append("close pool")

    @mux.resource
    async def cache() -> AsyncIterator[Cache]:
        yield Cache()
        raise ConnectionError("cache is away")

    await mux.open_resources()

    with pytest.raises(ExceptionGroup) as caught:
        await mux.close_resources()
    assert [str(error) for error in caught.value.exceptions] == ["cache is away"]
    assert events == ["close pool"]


POOLS: list[Pool] = []


async def never() -> AsyncIterator[Pool]:
    for pool in POOLS:
        yield pool


def never_plainly() -> Iterator[Pool]:
    yield from POOLS


@pytest.mark.parametrize("function", [never, never_plainly])
async def test_one_that_yields_nothing_is_told(
    function: Callable[[], AsyncIterator[Pool] | Iterator[Pool]],
) -> None:
    mux = Mux()
    mux.resource(function)

    with pytest.raises(ConfigError, match=f"{function.__name__} yielded nothing"):
        await mux.open_resources()


async def twice() -> AsyncIterator[Pool]:
    yield Pool()
    yield Pool()


def twice_plainly() -> Iterator[Pool]:
    yield Pool()
    yield Pool()


@pytest.mark.parametrize("function", [twice, twice_plainly])
async def test_one_that_yields_twice_is_told(
    function: Callable[[], AsyncIterator[Pool] | Iterator[Pool]],
) -> None:
    mux = Mux()
    mux.resource(function)
    await mux.open_resources()

    with pytest.raises(ExceptionGroup) as caught:
        await mux.close_resources()
    assert "yielded twice" in str(caught.value.exceptions[0])


def test_a_missing_resource_names_handler_and_parameter() -> None:
    mux = Mux()

    @mux.resource
    def cache() -> Iterator[Cache]:
        yield Cache()

    @mux.handler("a")
    async def charge(ctx: Context, payload: object, db: Pool) -> None: ...

    with pytest.raises(ConfigError) as caught:
        mux.validate()
    assert caught.value.message == (
        f"parameter db of {__name__}.test_a_missing_resource_names_handler_and_parameter"
        ".<locals>.charge asks for a Pool, which no resource yields."
    )
    assert caught.value.cause == "Resources there are: Cache."
    assert "AsyncIterator[Pool]" in caught.value.next_step


def test_a_resource_takes_only_those_registered_before_it() -> None:
    mux = Mux()

    @mux.resource
    def mailer(db: Pool) -> Iterator[Mailer]:
        yield Mailer(db)

    @mux.resource
    def pool() -> Iterator[Pool]:
        yield Pool()

    with pytest.raises(ConfigError, match=r"takes db from .*pool, which is registered after it"):
        mux.validate()


def test_two_resources_of_one_type_name_both() -> None:
    mux = Mux()

    @mux.resource
    def first() -> Iterator[Pool]:
        yield Pool()

    with pytest.raises(ConfigError, match=r"second yields the same type as .*first"):

        @mux.resource
        def second() -> Iterator[Pool]:
            yield Pool()


async def not_a_generator() -> Pool:
    return Pool()


async def without_type():  # type: ignore[no-untyped-def]  # read at run time
    yield Pool()


async def bare_type() -> AsyncIterator:  # type: ignore[type-arg]  # read at run time
    yield Pool()


async def untyped_parameter(db) -> AsyncIterator[Cache]:  # type: ignore[no-untyped-def]  # read at run time
    yield Cache()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (not_a_generator, "is not a generator function"),
        (without_type, "does not say what it yields"),
        (bare_type, "does not say what it yields"),
        (untyped_parameter, "parameter db .* names no resource"),
    ],
)
def test_what_is_no_resource_is_refused(
    function: Callable[..., AsyncIterator[object]], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        Mux().resource(function)


async def test_included_muxes_keep_resources_of_one_type_apart() -> None:
    main, orders, mails = Mux(), Mux(), Mux()

    def with_pool(mux: Mux, name: str) -> None:
        @mux.resource
        async def pool() -> AsyncIterator[Pool]:
            yield Pool(name)

        @mux.handler(name)
        async def handler(ctx: Context, payload: object, db: Pool) -> str:
            return db.name

    with_pool(orders, "orders")
    with_pool(mails, "mails")
    main.include(orders)
    main.include(mails)
    await main.open_resources()

    assert [await call(main, "orders"), await call(main, "mails")] == ["orders", "mails"]
    await main.close_resources()


async def test_an_included_mux_finds_the_resources_of_the_one_that_includes_it() -> None:
    main, orders = Mux(), Mux()

    @orders.resource
    async def mailer(db: Pool) -> AsyncIterator[Mailer]:
        yield Mailer(db)

    @orders.handler("a")
    async def handler(ctx: Context, payload: object, db: Pool, mails: Mailer) -> bool:
        return mails.pool is db and db.name == "main"

    @main.resource
    async def pool() -> AsyncIterator[Pool]:
        yield Pool("main")

    main.include(orders)
    await main.open_resources()

    assert await call(main, "a") is True
    await main.close_resources()


def test_an_included_muxs_resources_are_not_seen_from_outside() -> None:
    main, orders = Mux(), Mux()

    @orders.resource
    async def pool() -> AsyncIterator[Pool]:
        yield Pool()

    @main.handler("a")
    async def handler(ctx: Context, payload: object, db: Pool) -> None: ...

    main.include(orders)

    with pytest.raises(ConfigError, match=r"parameter db .* asks for a Pool"):
        main.validate()
