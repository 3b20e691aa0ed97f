"""Right uses of the public API: mypy strict finds nothing here, and knows these types."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from pydantic import BaseModel

from rediq_core import (
    CallNext,
    Client,
    Context,
    Failure,
    LoggingMiddleware,
    Member,
    Mux,
    Permanent,
    Retry,
    Snooze,
    SyncClient,
    SyncContext,
    Task,
    TaskType,
    Worker,
)
from rediq_core.testing import Run, capture, context, drain, sync_context


class Payment(BaseModel):
    order_id: int


class Receipt(BaseModel):
    number: int


class Pool:
    async def charge(self, order_id: int) -> int:
        return order_id


PAYMENT = TaskType("order:payment", Payment, returns=Receipt, queue="payment", timeout="60s")
MAIL = TaskType("mail", Payment)
REPORT = TaskType("report", returns=Receipt)
UNTYPED = TaskType("untyped")
BATCH = TaskType("batch", list[int], returns=dict[str, int])

mux = Mux()


@mux.resource
async def pool() -> AsyncIterator[Pool]:
    yield Pool()


@mux.resource
def numbers(db: Pool) -> Iterator[list[int]]:
    yield [1]


@mux.handler(PAYMENT)
async def charge(ctx: Context, payload: Payment, db: Pool) -> Receipt:
    ctx.progress(40, "contacting bank")
    if payload.order_id == 0:
        raise Permanent("card declined")
    if payload.order_id == 1:
        raise Retry("bank is away", delay="5s")
    if ctx.attempt > 3:
        raise Snooze("bank opens at 9", delay="2h")
    child_id = await ctx.enqueue(MAIL.task(payload))
    assert_type(child_id, str)
    return Receipt(number=await db.charge(payload.order_id))


@charge.on_dead
async def refund(ctx: Context, payload: Payment, failure: Failure) -> None:
    ctx.log.warning("refund %s: %s", payload.order_id, failure.message)


@mux.handler(MAIL)
def send(ctx: SyncContext, payload: Payment) -> None:
    assert_type(ctx.enqueue(Task("log")), str)


@mux.handler(REPORT, mode="process")
def report(ctx: SyncContext, payload: dict[str, object]) -> Receipt:
    return Receipt(number=len(payload))


@mux.handler(UNTYPED)
async def anything(ctx: Context) -> int:
    return 1


@mux.handler("named", queue="payment", priority=0, max_retry=5, timeout="60s")
async def named(ctx: Context, payload: Payment, db: Pool) -> Receipt:
    return Receipt(number=payload.order_id)


@mux.handler("bare")
def bare(ctx: SyncContext) -> int:
    return 1


@mux.group_handler(BATCH, max_size=10, grace="30s", max_delay="300s")
async def batch(ctx: Context, members: list[Member[list[int]]], db: Pool) -> None:
    for member in members:
        assert_type(member.payload, list[int])
        member.fail(f"no {member.id}")


class Charger:
    async def handle(self, ctx: Context, payload: Payment) -> Receipt:
        return Receipt(number=payload.order_id)


class PlainCharger:
    def handle(self, ctx: SyncContext, payload: Payment) -> Receipt:
        return Receipt(number=payload.order_id)


mux.add(PAYMENT, Charger())
mux.add(PAYMENT, PlainCharger())
mux.add(REPORT, Charger())
mux.add("charger", Charger())


async def stamp(ctx: Context, call_next: CallNext) -> object:
    ctx.state["type"] = ctx.task.type
    return await call_next(ctx)


class Counter:
    def before(self, ctx: Context) -> None: ...

    async def after(self, ctx: Context, result: object) -> None: ...


mux.use(stamp)
mux.use(Counter(), queue="payment")
mux.use(LoggingMiddleware())

assert_type(PAYMENT.task(Payment(order_id=7), delay="5s"), Task[Receipt])
assert_type(MAIL.task(Payment(order_id=7)), Task[object])
assert_type(REPORT.task(), Task[Receipt])
assert_type(UNTYPED.task({"any": 1}), Task[object])
assert_type(Task("order:shipping", {"order_id": 7}, queue="shipping"), Task[object])
assert_type(charge.task(Payment(order_id=7)), Task[Receipt])
assert_type(named.task(Payment(order_id=7)), Task[Receipt])
assert_type(bare.task(), Task[int])
assert_type(PAYMENT.task(Payment(order_id=7)).copy(delay=1), Task[Receipt])


async def produce(client: Client, blocking: SyncClient) -> None:
    pay = PAYMENT.task(Payment(order_id=7))
    ship = Task("order:shipping", {"order_id": 7}, queue="shipping", depends_on=pay)
    assert_type(await client.enqueue(pay), str)
    assert_type(await client.enqueue_many([pay, ship]), list[str])
    assert_type(await client.result(pay, timeout="30s"), Receipt)
    assert_type(await client.result(bare.task()), int)
    assert_type(await client.result("01K"), object)
    assert_type(blocking.result(pay), Receipt)
    assert_type(blocking.result(ship), object)


async def call_directly(ctx: Context, plain: SyncContext, db: Pool) -> None:
    assert_type(await charge(ctx, Payment(order_id=7), db), Receipt)
    assert_type(report(plain, {}), Receipt)
    assert_type(bare(plain), int)


async def embed() -> None:
    worker = Worker(mux, queues=["payment"], concurrency=4, lease="10s")
    await worker.run()
    await worker.stop()


async def check(db: Pool) -> None:
    with capture() as enqueued:
        assert_type(await drain(mux, until="1h", resources={Pool: db}), list[Run])
    assert_type(enqueued.one(PAYMENT), Task[Receipt])
    assert_type(enqueued.one(charge), Task[Receipt])
    assert_type(enqueued.one("order:shipping", queue="shipping"), Task[object])
    enqueued.none(MAIL)
    assert_type(await charge(context(attempt=2), Payment(order_id=7), db), Receipt)
    assert_type(bare(sync_context()), int)
