"""The audit finds each broken rule, and nothing in clean books."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from order_system.contracts import Item
from order_system.ledger import Ledger, Status
from order_system.rules import broken_rules

# What becomes of order 1 (shipped), 2 (called off) and 3 (nobody has paid it yet).
SHIPPED, CALLED_OFF, OPEN = 1, 2, 3


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "orders.sqlite3") as ledger:
        ledger.deliver("tea", 10)
        for number in (SHIPPED, CALLED_OFF, OPEN):
            ledger.place(
                f"ref {number}", 7, [Item(product_id="tea", quantity=2, price_cents=1)], {}
            )
            ledger.reserve(number, f"reserve {number}")
        ledger.assign(SHIPPED, "payment", "pay")
        ledger.assign(SHIPPED, "shipping", "ship")
        ledger.begin_payment(SHIPPED, "pay")
        ledger.charge(SHIPPED, "pay")
        ledger.confirm_payment(SHIPPED, "pay")
        ledger.text(SHIPPED, "payment_success", "sms")
        ledger.commit(SHIPPED, "commit")
        ledger.ship(SHIPPED, "ship")
        ledger.call_off(CALLED_OFF, Status.TIMEOUT, "", "timeout")
        ledger.roll_back(CALLED_OFF, "rollback")
        yield ledger


def tamper(books: Ledger, *statements: str) -> None:
    for statement in statements:
        books._connection.execute(statement)


def entry(order: int, kind: str, task: str = "x", seq: str = "NULL") -> str:
    return (
        "INSERT INTO entries (seq, order_id, kind, task_id)"
        f" VALUES ({seq}, {order}, '{kind}', '{task}')"
    )


def test_clean_books_break_no_rule(books: Ledger) -> None:
    assert broken_rules(books) == []


BROKEN = {
    "product tea: 10 delivered, but 5 available and 4 in orders": [
        "UPDATE products SET available = 5"
    ],
    "order 1: shipped before it was paid": [
        "UPDATE entries SET seq = -1 WHERE kind = 'shipped'",
    ],
    "order 1: paid before it was charged": ["DELETE FROM entries WHERE kind = 'charged'"],
    "order 1: charged before it was reserved": [
        "DELETE FROM entries WHERE kind = 'reserved' AND order_id = 1"
    ],
    "order 1: charged 2 times": [entry(1, "charged", "another payment")],
    "order 1: shipped 2 times": [entry(1, "shipped", "another parcel")],
    "order 1: paid 1 times, but 2 messages say so": [entry(1, "sms:payment_success", "again")],
    "order 1: paid 1 times, but 0 messages say so": [
        "DELETE FROM entries WHERE kind = 'sms:payment_success'"
    ],
    "order 1: timed out although it was paid": [entry(1, "timeout")],
    "order 1: its shipping ran before it was paid": [entry(1, "shipping_refused")],
    "order 1: shipped, but its stock is reserved": [
        "UPDATE orders SET stock = 'reserved' WHERE id = 1"
    ],
    "order 1: was never shipped": [
        "UPDATE orders SET status = 'paid' WHERE id = 1",
        "DELETE FROM entries WHERE kind = 'shipped'",
    ],
    "order 1: is shipped, which its entries do not say": [
        "DELETE FROM entries WHERE kind = 'shipped'"
    ],
    "order 2: timeout, but its stock is reserved": [
        "UPDATE orders SET stock = 'reserved' WHERE id = 2",
        "UPDATE products SET available = 4",
    ],
    "order 2: rolled_back 2 times": [entry(2, "rolled_back", "again")],
    "order 2: shipped although it is timeout": [entry(2, "charged"), entry(2, "refunded"),
        entry(2, "paid"), entry(2, "sms:payment_success"), entry(2, "shipped")],
    "order 2: charged, timeout and not refunded": [entry(2, "charged")],
    "order 2: timeout, but pay is still charging it": [
        "UPDATE orders SET payer = 'pay' WHERE id = 2"
    ],
    "order 3: rolled back although nobody called it off": [entry(3, "rolled_back")],
    "order 3: its payment came to no end": [
        "UPDATE orders SET tasks = '{\"payment\": \"pay\"}' WHERE id = 3"
    ],
    "order 3: was never reserved": [
        "UPDATE orders SET status = 'pending', stock = 'none' WHERE id = 3",
        "UPDATE products SET available = 8",
    ],
    "shipped by x: there is no order 9": [entry(9, "shipped")],
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_each_rule_is_found_broken(books: Ledger, broken: str) -> None:
    tamper(books, *BROKEN[broken])

    assert broken in broken_rules(books)
