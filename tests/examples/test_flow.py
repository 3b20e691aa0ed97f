"""What becomes of orders, task by task, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from order_system.contracts import (
    IMPORT,
    REPORT,
    TIMEOUT_CHECK,
    Address,
    DailyReport,
    Imported,
    Item,
    Rejected,
    Upload,
)
from order_system.handlers import payment
from order_system.ledger import Ledger, Order, Status, Stock
from order_system.rules import broken_rules
from order_system.shop import NoSuchOrder, NotNow, Shop

from rediq_core import Client, Permanent, Task, TaskState
from rediq_core.testing import Captured
from tests.examples.conftest import Drain

TEA = [Item(product_id="tea", quantity=2, price_cents=500)]
HOME = Address(recipient="Ada")


def kinds(ledger: Ledger, order: Order) -> list[str]:
    return [entry.kind for entry in ledger.entries() if entry.order_id == order.id]


def states(enqueued: Captured, order: Order) -> dict[str, str]:
    return {step: enqueued.view(task).state.value for step, task in order.tasks.items()}


async def test_an_order_is_reserved_paid_told_of_and_shipped(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    order = await shop.place("a", 7, TEA)
    await shop.pay(order.id, "card")
    await shop.ship(order.id, HOME)

    await run_all()

    order = shop.find(order.id)
    happened = kinds(ledger, order)
    assert happened[:3] == ["reserved", "charged", "paid"]
    assert sorted(happened[3:]) == ["committed", "shipped", "sms:payment_success"]
    assert (order.status, order.stock) == (Status.SHIPPED, Stock.COMMITTED)
    assert states(enqueued, order)["timeout"] == "cancelled"
    assert ledger.stock()["tea"] == (10, 8)
    assert broken_rules(ledger) == []


async def test_shipping_that_is_asked_for_first_waits_for_payment_and_stock(
    shop: Shop, enqueued: Captured
) -> None:
    order = await shop.place("a", 7, TEA)
    await shop.pay(order.id, "card")
    await shop.ship(order.id, HOME)

    tasks = shop.find(order.id).tasks
    assert enqueued.one("order:shipping").parent_ids == (tasks["payment"], tasks["inventory"])
    assert states(enqueued, shop.find(order.id)) == {
        "inventory": "pending",
        "timeout": "delayed",
        "payment": "waiting",
        "shipping": "waiting",
    }


async def test_what_is_asked_for_twice_is_done_once(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    for _ in range(2):
        order = await shop.place("a", 7, TEA)
        await shop.pay(order.id, "card")
        await shop.ship(order.id, HOME)

    ran = await run_all()

    assert ran.count("order:payment") == ran.count("order:shipping") == ran.count("order:sms") == 1
    assert [order.id for order in ledger.orders()] == [1]
    assert broken_rules(ledger) == []


async def test_an_order_that_nobody_pays_ends_after_a_day(
    shop: Shop, ledger: Ledger, run_all: Drain
) -> None:
    order = await shop.place("a", 7, TEA)
    await run_all("23h")
    before = shop.find(order.id).status

    await run_all("25h")

    assert (before, shop.find(order.id).status) == (Status.RESERVED, Status.TIMEOUT)
    assert kinds(ledger, order) == ["reserved", "timeout", "rolled_back"]
    assert ledger.stock()["tea"] == (10, 10)
    assert broken_rules(ledger) == []


async def test_a_payment_that_is_dead_puts_the_stock_back_and_ships_nothing(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    order = await shop.place("a", 7, TEA)
    await shop.pay(order.id, payment.STOLEN)
    await shop.ship(order.id, HOME)

    await run_all()

    order = shop.find(order.id)
    assert (order.status, order.reason) == (Status.CANCELLED, "payment: card declined")
    assert kinds(ledger, order) == ["reserved", "cancelled", "rolled_back"]
    assert states(enqueued, order) == {
        "inventory": "completed",
        "timeout": "cancelled",
        "payment": "dead",
        "shipping": "cancelled",
    }
    assert ledger.stock()["tea"] == (10, 10)
    assert broken_rules(ledger) == []


async def test_a_declined_payment_is_tried_again(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment, "is_declined", lambda _, attempt: attempt < 3)
    order = await shop.place("a", 7, TEA)
    await shop.pay(order.id, "card")

    await run_all()

    order = shop.find(order.id)
    assert (order.status, order.payer) == (Status.PAID, "")
    assert enqueued.view(order.tasks["payment"]).attempts == 3


class DyingClient(Client):
    """Fails at the very end of a payment, once, as a worker does that is killed there."""

    has_died = False

    async def cancel(self, *args: Any, **options: Any) -> TaskState:
        if not self.has_died:
            self.has_died = True
            raise RuntimeError("killed")
        return await super().cancel(*args, **options)


async def test_a_payment_that_is_broken_off_at_its_end_charges_and_tells_once(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    shop.client = DyingClient("redis://nobody.invalid")
    order = await shop.place("a", 7, TEA)
    await shop.pay(order.id, "card")

    ran = await run_all()

    assert (ran.count("order:payment"), ran.count("order:sms")) == (2, 1)
    assert len(enqueued.all("order:sms")) == 1
    assert broken_rules(ledger) == []


async def test_an_order_of_what_is_not_there_ends_at_once(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    order = await shop.place("a", 7, [Item(product_id="tea", quantity=11, price_cents=1)])
    await shop.pay(order.id, "card")
    await shop.ship(order.id, HOME)

    await run_all()

    order = shop.find(order.id)
    assert (order.status, order.reason) == (
        Status.CANCELLED,
        "out of stock: fewer than 11 of tea",
    )
    assert states(enqueued, order) == {
        "inventory": "dead",
        "timeout": "cancelled",
        "payment": "cancelled",
        "shipping": "cancelled",
    }
    assert broken_rules(ledger) == []


async def test_an_order_can_be_cancelled_until_it_is_paid(
    shop: Shop, ledger: Ledger, run_all: Drain
) -> None:
    kept, dropped = await shop.place("a", 7, TEA), await shop.place("b", 7, TEA)
    await shop.pay(kept.id, "card")
    await shop.cancel(dropped.id, "found it cheaper")
    await run_all()

    assert (shop.find(kept.id).status, shop.find(dropped.id).status) == (
        Status.PAID,
        Status.CANCELLED,
    )
    with pytest.raises(NotNow):
        await shop.cancel(kept.id, "too late")
    with pytest.raises(NotNow):
        await shop.pay(dropped.id, "card")
    with pytest.raises(NoSuchOrder):
        await shop.pay(99, "card")
    assert broken_rules(ledger) == []


async def test_an_order_is_not_called_off_while_it_is_being_paid(
    shop: Shop, ledger: Ledger, run_all: Drain
) -> None:
    order = await shop.place("a", 7, TEA)
    await run_all()
    ledger.begin_payment(order.id, "a-payment")

    assert ledger.call_off(order.id, Status.CANCELLED, "", "x").status is Status.RESERVED
    ledger.confirm_payment(order.id, "a-payment")
    assert ledger.call_off(order.id, Status.CANCELLED, "", "x").status is Status.PAID


async def test_the_check_mends_what_a_dead_worker_left(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    unpaid, called_off = await shop.place("a", 7, TEA), await shop.place("b", 7, TEA)
    await shop.pay(unpaid.id, payment.STOLEN)
    charge = payment.mux.lookup("order:payment")
    assert charge is not None
    hooks, charge.dead_hooks[:] = list(charge.dead_hooks), []
    try:
        await run_all()
    finally:
        charge.dead_hooks[:] = hooks
    ledger.call_off(called_off.id, Status.CANCELLED, "", "its task is lost")
    await shop.client.enqueue(TIMEOUT_CHECK.task())

    await run_all()

    assert enqueued.view(enqueued.one(TIMEOUT_CHECK)).result == 2
    assert shop.find(unpaid.id).reason == "its payment is dead"
    assert ledger.stock()["tea"] == (10, 10)
    assert broken_rules(ledger) == []


@pytest.mark.parametrize("paid", [False, True])
async def test_a_payment_that_died_half_way_is_paid_back(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain, paid: bool
) -> None:
    # As after three lost workers: charged, and then nobody went on.
    order = await shop.place("a", 7, TEA)
    await run_all()
    await shop.client.enqueue(Task("order:payment", {"order_id": "no number"}, id="half"))
    ledger.assign(order.id, "payment", "half")
    ledger.begin_payment(order.id, "half")
    ledger.charge(order.id, "half")
    if paid:
        ledger.confirm_payment(order.id, "half")
    await shop.client.enqueue(TIMEOUT_CHECK.task())

    await run_all()

    assert enqueued.view("half").state is TaskState.DEAD
    assert shop.find(order.id).status is Status.CANCELLED
    assert "refunded" in kinds(ledger, order)
    assert ledger.report().refunded_cents == 1_000
    assert broken_rules(ledger) == []


async def test_a_file_is_imported_line_by_line_once(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    text = (
        "user_id,product_id,quantity,price_cents,method,recipient\n"
        "1,tea,1,500,card,Ada\n"
        "2,tea,none,500,card,Bob\n"
        "3,tea,1,500,,\n"
    )
    upload = await shop.import_file(text)
    await run_all()
    await shop.client.enqueue(IMPORT.task({"upload_id": upload}))  # type: ignore[arg-type]  # JSON is as good
    await run_all()

    results = [Imported.model_validate(enqueued.view(task).result) for task in enqueued.all(IMPORT)]
    why = "quantity: Input should be a valid integer, unable to parse string as an integer"
    assert results == [Imported(orders=2, rejected=[Rejected(line=3, why=why)])] * 2
    assert [order.status.value for order in ledger.orders()] == ["shipped", "reserved"]
    assert broken_rules(ledger) == []


async def test_an_import_that_was_killed_between_two_steps_goes_on_with_the_next(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    text = "user_id,product_id,quantity,price_cents,method\n1,tea,1,500,card\n"
    upload = await shop.import_file(text)
    order = await shop.place(
        f"{upload}:2", 1, [Item(product_id="tea", quantity=1, price_cents=500)]
    )
    await shop.pay(order.id, "card")
    ledger.assign(order.id, "shipping", "noted-and-then-killed")
    await shop.client.cancel(upload)
    await run_all()
    paid = shop.find(order.id).status
    await shop.client.enqueue(IMPORT.task(Upload(upload_id=upload)))

    await run_all()

    assert (paid, shop.find(order.id).status) == (Status.PAID, Status.SHIPPED)
    assert broken_rules(ledger) == []


async def test_the_report_counts_orders_and_money(
    shop: Shop, enqueued: Captured, run_all: Drain
) -> None:
    order = await shop.place("a", 7, TEA)
    await shop.place("b", 7, TEA)
    await shop.pay(order.id, "card")
    await run_all()
    task = REPORT.task()
    await shop.client.enqueue(task)

    await run_all()

    assert await shop.client.result(task) == DailyReport(
        orders={"paid": 1, "reserved": 1}, charged_cents=1_000, refunded_cents=0
    )


async def test_shipping_refuses_what_is_not_paid_and_the_books_remember(
    shop: Shop, ledger: Ledger, enqueued: Captured, run_all: Drain
) -> None:
    order = await shop.place("a", 7, TEA)
    await shop.client.enqueue(
        Task("order:shipping", {"order_id": order.id, "address": HOME.model_dump()}, id="early")
    )

    await run_all()

    assert enqueued.view("early").last_failure.error_type == Permanent.__name__  # type: ignore[union-attr]  # it is dead
    assert broken_rules(ledger) == [f"order {order.id}: its shipping ran before it was paid"]
