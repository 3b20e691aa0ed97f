"""Registering handlers, looking them up, and calling them as the worker does."""

from __future__ import annotations

import threading
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from pydantic import BaseModel

from rediq_core.errors import ConfigError, InvalidOption
from rediq_core.handlers.context import Context, SyncContext, share_run
from rediq_core.handlers.groups import Member
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.outcomes import Failure
from rediq_core.handlers.payloads import PayloadMismatch
from rediq_core.handlers.registration import Registration
from rediq_core.handlers.settings import Defaults
from rediq_core.model.groups import GroupRule
from rediq_core.model.retry import Backoff
from rediq_core.model.task import Task
from rediq_core.model.task_type import UNTYPED, TaskType
from tests.unit.handlers_support import claim, context, sync_context


class Payment(BaseModel):
    order_id: int


class Receipt(BaseModel):
    number: int


PAYMENT = TaskType("order:payment", Payment, returns=Receipt, queue="payment", priority=0)
FAILURE = Failure("ValueError", "no", "", "00000000")


async def run(mux: Mux, task: Task[object], *, raw: bytes | None = None) -> object:
    """Open the mux, run one task as the worker does, close the mux."""
    await mux.open_resources()
    try:
        registration = mux.lookup(task.type)
        assert registration is not None
        return await registration.call(context(task, raw=raw))
    finally:
        await mux.close_resources()


async def test_an_async_handler_gets_its_payload_checked() -> None:
    mux = Mux()

    @mux.handler(PAYMENT)
    async def charge(ctx: Context, payload: Payment) -> Receipt:
        assert ctx.task.queue == "payment"
        return Receipt(number=payload.order_id + 1)

    assert await run(mux, PAYMENT.task(Payment(order_id=7))) == Receipt(number=8)


async def test_a_payload_that_does_not_fit_never_reaches_the_handler() -> None:
    mux = Mux()
    calls = []

    @mux.handler(PAYMENT)
    async def charge(ctx: Context, payload: Payment) -> Receipt:
        calls.append(payload)
        return Receipt(number=1)

    with pytest.raises(PayloadMismatch, match="order_id: Field required"):
        await run(mux, Task("order:payment"), raw=b"{}")
    assert calls == []


async def test_a_handler_that_takes_only_the_context_reads_no_payload() -> None:
    mux = Mux()

    @mux.handler(PAYMENT)
    async def charge(ctx: Context) -> Receipt:
        return Receipt(number=0)

    assert await run(mux, Task("order:payment"), raw=b"not json") == Receipt(number=0)


async def test_a_plain_handler_runs_in_a_thread_with_the_flags_of_its_run() -> None:
    mux = Mux()

    @mux.handler("report")
    def report(ctx: SyncContext, payload: dict[str, object]) -> tuple[object, ...]:
        return threading.current_thread() is threading.main_thread(), ctx.cancelled, payload

    assert await run(mux, Task("report", {"day": 1})) == (False, False, {"day": 1})


async def test_the_runner_takes_plain_handlers_where_it_wants() -> None:
    mux = Mux()

    @mux.handler("report")
    def report(ctx: SyncContext, payload: int) -> int:
        return payload + 1

    async def here(registration: Registration, ctx: Context) -> object:
        return "here", registration.call_plain(share_run(ctx, SyncContext))

    await mux.open_resources(here)
    registration = mux.lookup("report")
    assert registration is not None

    assert await registration.call(context(Task("report", 4))) == ("here", 5)
    await mux.close_resources()


def test_a_process_needs_no_open_mux_to_run_a_handler() -> None:
    mux = Mux()

    @mux.handler("report")
    def report(ctx: SyncContext, payload: Payment) -> int:
        return payload.order_id

    registration = report.registration
    registration.prepare()

    assert registration.call_plain(sync_context(Task("report", {"order_id": 9}))) == 9


async def test_a_plain_function_around_an_async_one_is_told() -> None:
    mux = Mux()

    async def inner() -> int:
        return 1

    @mux.handler("report")
    def report(ctx: SyncContext) -> Awaitable[int]:
        return inner()

    with pytest.raises(ConfigError, match="returned a coroutine"):
        await run(mux, Task("report"))


async def test_the_decorated_function_stays_callable() -> None:
    mux = Mux()

    @mux.handler(PAYMENT)
    async def charge(ctx: Context, payload: Payment) -> Receipt:
        """Charge a card."""
        return Receipt(number=payload.order_id)

    assert await charge(context(), Payment(order_id=3)) == Receipt(number=3)
    assert (charge.__name__, charge.__doc__) == ("charge", "Charge a card.")
    assert charge.type is PAYMENT


def test_a_handler_makes_tasks_of_its_contract() -> None:
    mux = Mux()

    @mux.handler("order:payment", queue="payment", priority=0, max_retry=5, timeout="60s")
    async def charge(ctx: Context, payload: Payment) -> Receipt:
        return Receipt(number=payload.order_id)

    task = charge.task(Payment(order_id=7), delay="5s")

    assert charge.type == TaskType(
        "order:payment",
        Payment,
        returns=Receipt,
        queue="payment",
        priority=0,
        max_retry=5,
        timeout="60s",
    )
    assert task == Task(
        "order:payment", Payment(order_id=7), queue="payment", priority=0, delay="5s", id=task.id
    )


def test_a_registration_carries_the_contracts_settings() -> None:
    mux = Mux()
    contract = TaskType(
        "a", max_retry=0, timeout="2s", backoff=["1s", "5s"], keep=timedelta(days=1)
    )

    @mux.handler(contract)
    async def handler(ctx: Context) -> None: ...

    assert handler.registration.defaults == Defaults(
        0, 2_000, Backoff.delays(["1s", "5s"]), 86_400_000
    )


def test_a_type_has_one_handler() -> None:
    mux = Mux()

    @mux.handler("a")
    async def first(ctx: Context) -> None: ...

    with pytest.raises(ConfigError, match='type "a" has two handlers') as caught:

        @mux.handler("a")
        async def second(ctx: Context) -> None: ...

    assert "first and " in caught.value.cause
    assert "second." in caught.value.cause


def test_options_belong_into_the_contract() -> None:
    async def charge(ctx: Context, payload: Payment) -> Receipt:
        return Receipt(number=payload.order_id)

    with pytest.raises(InvalidOption, match="options queue stand beside the contract"):
        Mux().handler(PAYMENT, queue="other")(charge)  # type: ignore[call-overload]  # the mistake is the test


def test_a_handler_that_contradicts_its_contract_is_refused() -> None:
    mux = Mux()

    async def charge(ctx: Context, payload: Receipt) -> Receipt:
        return payload

    with pytest.raises(ConfigError, match="takes a Receipt") as caught:
        mux.handler(PAYMENT)(charge)  # type: ignore[arg-type]  # the mistake is the test
    assert "its payload is a Payment" in caught.value.cause


def test_a_handler_may_take_a_wider_type_than_the_contract() -> None:
    mux = Mux()

    @mux.handler(PAYMENT)
    async def charge(ctx: Context, payload: BaseModel) -> Receipt:
        return Receipt(number=1)

    assert charge.registration.payload is Payment


def test_the_handlers_annotation_counts_where_the_contract_names_no_payload() -> None:
    mux = Mux()

    @mux.handler(TaskType("a"))
    async def typed(ctx: Context, payload: Payment) -> None: ...

    @mux.handler(TaskType("b"))
    async def untyped(ctx: Context, payload: object) -> None: ...

    @mux.handler(TaskType("c"))
    async def bare(ctx: Context) -> None: ...

    payloads = [registration.payload for registration in mux.registrations]
    assert payloads == [Payment, object, UNTYPED]


def test_a_mux_lists_and_finds_its_types() -> None:
    mux = Mux()

    @mux.handler("b")
    async def b(ctx: Context) -> None: ...

    @mux.handler("a")
    def a(ctx: SyncContext) -> None: ...

    assert mux.types == ("b", "a")
    assert mux.lookup("a") is a.registration
    assert mux.lookup("c") is None
    assert (a.registration.mode, b.registration.mode) == ("thread", "async")


class Charger:
    def __init__(self, fee: int) -> None:
        self.fee = fee

    async def handle(self, ctx: Context, payload: Payment) -> Receipt:
        return Receipt(number=payload.order_id + self.fee)


class PlainCharger:
    def handle(self, ctx: SyncContext, payload: Payment) -> Receipt:
        return Receipt(number=-payload.order_id)


@pytest.mark.parametrize(("handler", "number"), [(Charger(10), 17), (PlainCharger(), -7)])
async def test_an_object_handles_a_type(handler: Charger | PlainCharger, number: int) -> None:
    mux = Mux()

    mux.add(PAYMENT, handler)

    assert await run(mux, PAYMENT.task(Payment(order_id=7))) == Receipt(number=number)


@pytest.mark.parametrize("handler", [Charger, object(), Receipt(number=1)])
def test_what_has_no_handle_cannot_be_added(handler: object) -> None:
    with pytest.raises(ConfigError, match="is not a handler object"):
        Mux().add("a", handler)  # type: ignore[call-overload]  # the mistake is the test


async def test_an_unopened_mux_says_so() -> None:
    mux = Mux()

    @mux.handler("a")
    async def handler(ctx: Context, payload: int) -> None: ...

    with pytest.raises(ConfigError, match="before its mux was opened"):
        await handler.registration.call(context(Task("a", 1)))
    with pytest.raises(ConfigError, match="a payload of 1 bytes before its mux was opened"):
        handler.registration.load(b"1")


async def test_a_mux_is_opened_once_and_closed_any_number_of_times() -> None:
    mux = Mux()
    await mux.open_resources()

    with pytest.raises(ConfigError, match="the mux is open"):
        await mux.open_resources()
    await mux.close_resources()
    await mux.close_resources()
    await mux.open_resources()
    await mux.close_resources()


async def test_an_included_muxs_handlers_are_found() -> None:
    main, payments = Mux(), Mux()

    @payments.handler(PAYMENT)
    async def charge(ctx: Context, payload: Payment) -> Receipt:
        return Receipt(number=payload.order_id)

    main.include(payments)
    main.include(payments)

    assert main.types == ("order:payment",)
    assert await run(main, PAYMENT.task(Payment(order_id=7))) == Receipt(number=7)


def test_including_two_handlers_of_one_type_names_both() -> None:
    main, other = Mux(), Mux()

    @main.handler("a")
    async def first(ctx: Context) -> None: ...

    @other.handler("a")
    async def second(ctx: Context) -> None: ...

    with pytest.raises(ConfigError, match='type "a" has two handlers') as caught:
        main.include(other)
    assert "first and " in caught.value.cause


async def test_a_group_handler_gets_its_members() -> None:
    mux = Mux()

    @mux.group_handler(PAYMENT, max_size=3, grace="1s", max_delay=60)
    async def charge_all(ctx: Context, members: list[Member[Payment]]) -> None:
        for member in members:
            if member.payload.order_id > 1:
                member.fail("too large")

    await mux.open_resources()
    registration = charge_all.registration
    ctx = context()
    members = [registration.make_member(claim(raw=b'{"order_id":%d}' % n)) for n in (1, 2)]
    ctx.set_members(members)
    await registration.call(ctx)
    await mux.close_resources()

    assert registration.group == GroupRule(3, 1_000, 60_000)
    assert [str(member.error) for member in members] == ["None", "too large"]


async def test_a_plain_group_handler_gets_its_members_in_a_thread() -> None:
    mux = Mux()

    @mux.group_handler("mail", queue="mail")
    def send(ctx: SyncContext, members: list[Member[int]]) -> list[int]:
        return [member.payload for member in members]

    await mux.open_resources()
    registration = send.registration
    ctx = context()
    ctx.set_members([registration.make_member(claim(raw=b"5"))])

    assert await registration.call(ctx) == [5]
    assert send.type == TaskType("mail", int, returns=list[int], queue="mail")
    await mux.close_resources()


def test_a_member_whose_payload_does_not_fit_fails_alone() -> None:
    mux = Mux()

    @mux.group_handler("mail")
    async def send(ctx: Context, members: list[Member[int]]) -> None: ...

    send.registration.prepare()

    with pytest.raises(PayloadMismatch):
        send.registration.make_member(claim(raw=b'"five"'))


async def not_members(ctx: Context, members: list[int]) -> None: ...
async def no_members(ctx: Context) -> None: ...
async def untyped_members(ctx: Context, members: list[Member]) -> None: ...  # type: ignore[type-arg]  # read at run time


def test_a_group_handler_takes_a_list_of_members() -> None:
    with pytest.raises(ConfigError, match="does not take a list of members"):
        Mux().group_handler("a")(not_members)  # type: ignore[arg-type]  # the mistake is the test
    with pytest.raises(ConfigError, match="does not take its members"):
        Mux().group_handler("a")(no_members)  # type: ignore[arg-type]  # the mistake is the test
    assert Mux().group_handler("a")(untyped_members).registration.payload is UNTYPED


@pytest.mark.parametrize("max_size", [0, 101, 2.5, True])
def test_a_group_has_1_to_100_members(max_size: int) -> None:
    with pytest.raises(InvalidOption, match="is not a whole number from 1 to 100"):
        Mux().group_handler("a", max_size=max_size)


def test_a_group_handler_does_not_run_in_a_process() -> None:
    with pytest.raises(InvalidOption, match="cannot run in a process"):
        Mux().group_handler("a", mode="process")


async def dead(mux: Mux, task: Task[object], *, raw: bytes | None = None) -> None:
    registration = mux.lookup(task.type)
    assert registration is not None
    registration.prepare()
    for hook in registration.dead_hooks:
        await hook.run(registration.load, context(task, raw=raw), FAILURE)


async def test_dead_hooks_run_in_order_each_in_its_own_kind() -> None:
    mux = Mux()
    seen: list[object] = []

    @mux.handler(PAYMENT)
    async def charge(ctx: Context, payload: Payment) -> Receipt:
        return Receipt(number=1)

    @charge.on_dead
    async def refund(ctx: Context, payload: Payment, failure: Failure) -> None:
        seen.append((ctx.task.type, payload, failure))

    @charge.on_dead
    def tell(ctx: SyncContext, failure: Failure) -> None:
        seen.append((threading.current_thread() is threading.main_thread(), failure))

    await dead(mux, PAYMENT.task(Payment(order_id=7)))

    assert seen == [("order:payment", Payment(order_id=7), FAILURE), (False, FAILURE)]


async def test_a_dead_hook_is_not_given_a_payload_that_does_not_fit() -> None:
    mux = Mux()
    seen: list[str] = []

    @mux.handler(PAYMENT)
    async def charge(ctx: Context, payload: Payment) -> Receipt:
        return Receipt(number=1)

    @charge.on_dead
    async def refund(ctx: Context, payload: Payment, failure: Failure) -> None:
        seen.append("refund")

    @charge.on_dead
    async def tell(ctx: Context, failure: Failure) -> None:
        seen.append("tell")

    await dead(mux, Task("order:payment"), raw=b"{}")

    assert seen == ["tell"]


def test_hooks_added_after_an_include_count() -> None:
    main, other = Mux(), Mux()

    @other.handler("a")
    async def handler(ctx: Context) -> None: ...

    main.include(other)

    @handler.on_dead
    async def tell(ctx: Context, failure: Failure) -> None: ...

    included = main.lookup("a")
    assert included is not None
    assert [hook.function for hook in included.dead_hooks] == [tell]


async def hook_with_wrong_context(ctx: SyncContext, failure: Failure) -> None: ...
def hook_without_failure(ctx: SyncContext) -> None: ...
async def hook_without_context(failure: Failure, why: str) -> None: ...


@pytest.mark.parametrize(
    "hook", [hook_with_wrong_context, hook_without_failure, hook_without_context]
)
def test_a_dead_hook_of_another_form_is_refused(hook: object) -> None:
    @Mux().handler("a")
    async def handler(ctx: Context) -> None: ...

    with pytest.raises(ConfigError, match="cannot run when a task is dead"):
        handler.on_dead(hook)  # type: ignore[type-var]  # the mistake is the test


def test_handlers_and_registrations_say_what_they_are() -> None:
    @Mux().handler("a")
    async def handler(ctx: Context) -> None: ...

    where = f"{__name__}.test_handlers_and_registrations_say_what_they_are.<locals>.handler"
    assert repr(handler) == f"<Handler a {where}>"
    assert repr(handler.registration) == f"<Registration a async {where}>"
    assert repr(context(Task("a", id="x"))) == "<Context a x attempt 2>"
