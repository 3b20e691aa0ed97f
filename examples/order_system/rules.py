"""What must hold in the books, whatever was killed: the audit of the order system.

It reads the ledger alone. The handlers refuse what is wrong and note that they had to, so a queue
that ran something too early or twice is found out even where no harm came of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from order_system.ledger import CALLED_OFF, Entry, Ledger, Order, Status, Stock


def broken_rules(ledger: Ledger) -> list[str]:
    """Return every rule that is broken, as a sentence; empty if the books are clean.

    Rules about what must have happened by now hold only once the queues are empty.
    """
    orders, entries = ledger.orders(), ledger.entries()
    by_order: dict[int, list[Entry]] = {order.id: [] for order in orders}
    found = []
    for entry in entries:
        if entry.order_id in by_order:
            by_order[entry.order_id].append(entry)
        else:
            found.append(f"{entry.kind} by {entry.task_id}: there is no order {entry.order_id}")
    for order in orders:
        found += [f"order {order.id}: {text}" for text in _of_order(order, by_order[order.id])]
    return [*found, *_of_stock(ledger, orders)]


def _of_order(order: Order, entries: Sequence[Entry]) -> Iterator[str]:
    at = {entry.kind: entry.seq for entry in reversed(entries)}  # the first of each kind
    times = Counter(entry.kind for entry in entries)
    yield from _of_sequence(at)
    for kind in ("reserved", "committed", "rolled_back", "charged", "paid", "refunded", "shipped"):
        if times[kind] > 1:
            yield f"{kind} {times[kind]} times"
    yield from _of_messages(times)
    if order.status in CALLED_OFF:
        yield from _of_called_off(order, at)
    else:
        yield from _of_standing(order, at)


def _of_sequence(at: dict[str, int]) -> Iterator[str]:
    for later, earlier in (
        ("charged", "reserved"),
        ("paid", "charged"),
        ("committed", "paid"),
        ("shipped", "paid"),
        ("sms:payment_success", "paid"),
        ("refunded", "charged"),
    ):
        if later in at and at.get(earlier, at[later]) >= at[later]:
            yield f"{later} before it was {earlier}"
    if "shipping_refused" in at:
        yield "its shipping ran before it was paid"
    if "timeout" in at and "paid" in at:
        yield "timed out although it was paid"
    if "rolled_back" in at and not at.keys() & {"cancelled", "timeout"}:
        yield "rolled back although nobody called it off"


def _of_messages(times: Counter[str]) -> Iterator[str]:
    sent, paid = times["sms:payment_success"], times["paid"]
    # Where the worker died of it three times, the money went back and nobody was told of a payment.
    if sent > paid or (sent < paid and not times["refunded"]):
        yield f"paid {paid} times, but {sent} messages say so"


def _of_called_off(order: Order, at: dict[str, int]) -> Iterator[str]:
    if "shipped" in at:
        yield f"shipped although it is {order.status}"
    if order.stock is not Stock.RETURNED:
        yield f"{order.status}, but its stock is {order.stock}"
    if "charged" in at and "refunded" not in at:
        yield f"charged, {order.status} and not refunded"
    if order.payer:
        yield f"{order.status}, but {order.payer} is still charging it"


def _of_standing(order: Order, at: dict[str, int]) -> Iterator[str]:
    is_paid = order.status in (Status.PAID, Status.SHIPPED)
    if is_paid != ("paid" in at) or (order.status is Status.SHIPPED) != ("shipped" in at):
        yield f"is {order.status}, which its entries do not say"
    if is_paid and order.stock is not Stock.COMMITTED:
        yield f"{order.status}, but its stock is {order.stock}"
    if order.status is Status.PENDING:
        yield "was never reserved"
    if order.status is Status.RESERVED and "payment" in order.tasks:
        yield "its payment came to no end"
    if order.status is Status.PAID and "shipping" in order.tasks:
        yield "was never shipped"


def _of_stock(ledger: Ledger, orders: Sequence[Order]) -> Iterator[str]:
    held: Counter[str] = Counter()
    for order in orders:
        if order.stock in (Stock.RESERVED, Stock.COMMITTED):
            for item in order.items:
                held[item.product_id] += item.quantity
    for product, (delivered, available) in ledger.stock().items():
        if delivered != available + held[product]:
            yield (
                f"product {product}: {delivered} delivered, but {available} available"
                f" and {held[product]} in orders"
            )
