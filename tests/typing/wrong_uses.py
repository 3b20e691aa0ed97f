"""Planted mistakes: mypy strict must report each line marked `# E: code`, and nothing else."""

from __future__ import annotations

from pydantic import BaseModel

from rediq_core import Client, Context, Member, Mux, Snooze, SyncClient, SyncContext, Task, TaskType
from rediq_core.testing import Captured, context, sync_context


class Payment(BaseModel):
    order_id: int


class Receipt(BaseModel):
    number: int


class Pool: ...


PAYMENT = TaskType("order:payment", Payment, returns=Receipt)
REPORT = TaskType("report", returns=Receipt)

mux = Mux()

# Producers.
PAYMENT.task(7)  # E: arg-type
PAYMENT.task(Receipt(number=1))  # E: arg-type
PAYMENT.task()  # E: call-arg
PAYMENT.task(Payment(order_id=7), prioritty=1)  # E: call-arg
PAYMENT.task(Payment(order_id=7), queue=5)  # E: arg-type
PAYMENT.task(Payment(order_id=7), on_duplicate="ignore")  # E: arg-type
Task("a", retries=3)  # E: call-arg
Task("a", timeout=[1])  # E: arg-type
Task("a", depends_on=PAYMENT)  # E: arg-type
TaskType("a", Payment(order_id=7))  # E: call-overload
TaskType("a", Payment, returns=Receipt(number=1))  # E: call-overload
TaskType("a", Payment, retries=3)  # E: call-overload


async def results(client: Client, blocking: SyncClient) -> None:
    pay = PAYMENT.task(Payment(order_id=7))
    client.enqueue(pay)  # E: unused-coroutine
    number: int = await client.result(pay)  # E: arg-type
    blocking_number: int = blocking.result(pay)  # E: assignment
    receipt: Receipt = await client.result("01K")  # E: assignment
    await client.enqueue(PAYMENT)  # E: arg-type
    await client.enqueue("order:payment")  # E: arg-type
    print(number, blocking_number, receipt)


# Handlers against their contract.
@mux.handler(PAYMENT)  # E: arg-type
async def wrong_payload(ctx: Context, payload: Receipt) -> Receipt:
    return payload


@mux.handler(PAYMENT)  # E: arg-type
async def wrong_result(ctx: Context, payload: Payment) -> int:
    return payload.order_id


@mux.handler(PAYMENT)  # E: arg-type
async def forgotten_result(ctx: Context, payload: Payment) -> None: ...


@mux.handler(REPORT)  # E: arg-type
async def wrong_result_without_payload(ctx: Context) -> int:
    return 1


@mux.handler(PAYMENT)  # E: arg-type
def plain_with_context(ctx: Context, payload: Payment) -> Receipt:
    return Receipt(number=1)


@mux.handler(PAYMENT)  # E: arg-type
async def async_with_sync_context(ctx: SyncContext, payload: Payment) -> Receipt:
    return Receipt(number=1)


@mux.handler(PAYMENT)  # E: arg-type
async def without_context(payload: Payment) -> Receipt:
    return Receipt(number=1)


@mux.handler("named")  # E: arg-type
async def named_without_context(payload: Payment) -> Receipt:
    return Receipt(number=1)


@mux.handler("named")
async def named(ctx: Context, payload: Payment, db: Pool) -> Receipt:
    number: str = ctx.attempt  # E: assignment
    ctx.enqueue(Task("a"))  # E: unused-coroutine
    ctx.progress("40 %")  # E: arg-type
    return Receipt(number=int(number))


named.task(Receipt(number=1))  # E: arg-type
named.task()  # E: call-arg


@mux.handler("plain")
def plain(ctx: SyncContext, payload: Payment) -> None:
    if ctx.enqueue(Task("a")) == 5:  # E: comparison-overlap
        raise Snooze("later")  # E: call-arg


@mux.group_handler(PAYMENT)  # E: arg-type
async def wrong_members(ctx: Context, members: list[Member[Receipt]]) -> None: ...


@mux.group_handler(PAYMENT)  # E: arg-type
async def not_members(ctx: Context, members: list[Payment]) -> None: ...


# Registration.
mux.handler(PAYMENT, queue="other")  # E: call-overload
mux.handler("named", mode="fiber")  # E: call-overload
mux.handler("named", retries=3)  # E: call-overload


class WrongCharger:
    async def handle(self, ctx: Context, payload: Pool) -> Receipt:
        return Receipt(number=1)


class Unable: ...


mux.add(PAYMENT, WrongCharger())  # E: misc
mux.add("a", Unable())  # E: call-overload


def plain_middleware(ctx: Context) -> None: ...


mux.use(plain_middleware)  # E: arg-type
mux.use(Unable())  # E: arg-type


@mux.resource  # E: type-var
async def not_a_generator() -> Pool:
    return Pool()


# Calls.
async def call_directly(ctx: Context, plain_ctx: SyncContext) -> None:
    await named(ctx, Receipt(number=1), Pool())  # E: arg-type
    await named(ctx, Payment(order_id=7))  # E: call-arg
    await named(plain_ctx, Payment(order_id=7), Pool())  # E: arg-type


# Tests.
async def check(enqueued: Captured) -> None:
    await named(sync_context(), Payment(order_id=7), Pool())  # E: arg-type
    context(attempt="2")  # E: arg-type
    enqueued.one(7)  # E: call-overload
    enqueued.none(Pool())  # E: arg-type
