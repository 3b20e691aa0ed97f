"""What can be done with orders: the layer between the API and the queues.

Each step notes in the ledger which task will do it and enqueues that task, in this order. Whoever
dies between the two is asked again and enqueues the same task, which the queue then has once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, Field, ValidationError

from order_system.contracts import (
    CANCEL,
    IMPORT,
    INVENTORY,
    PAYMENT,
    SHIPPING,
    TIMEOUT,
    Address,
    CallOff,
    Inventory,
    Item,
    Payment,
    Rejected,
    Shipping,
    Upload,
)
from order_system.ledger import CALLED_OFF, OPEN, Ledger, Order
from order_system.settings import SETTINGS
from rediq_core import Client, Task


class NoSuchOrder(LookupError):  # noqa: N818  # named for what happened
    """There is no order of this number."""


class NotNow(Exception):  # noqa: N818  # named for what happened
    """The order stands where this cannot be done."""


class Shop:
    """Place orders, and take them further. One per process; it owns neither client nor ledger."""

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self.client = client
        self.ledger = ledger

    def find(self, order_id: int) -> Order:
        """Return an order.

        Raises:
            NoSuchOrder: There is none.
        """
        order = self.ledger.order(order_id)
        if order is None:
            raise NoSuchOrder(f"There is no order {order_id}.")
        return order

    async def place(self, ref: str, user_id: int, items: Sequence[Item]) -> Order:
        """Note an order, reserve its items, and call it off in a day if it is not paid by then.

        Args:
            ref: Names the order for who places it: the same ref again is the same order.
            user_id: Whose it is.
            items: What is ordered.
        """
        reserving = INVENTORY.task(Inventory(order_id=0))
        ending = TIMEOUT.task(CallOff(order_id=0))
        order = self.ledger.place(
            ref, user_id, items, {"inventory": reserving.id, "timeout": ending.id}
        )
        await self.client.enqueue_many(_first_tasks(order))
        return order

    async def pay(self, order_id: int, method: str) -> str:
        """Charge an order once its items are reserved; return the task, also of one that is paid.

        Raises:
            NoSuchOrder: There is none.
            NotNow: It is called off.
        """
        order = self.find(order_id)
        if order.status in CALLED_OFF:
            raise NotNow(f"Order {order_id} is {order.status}.")
        if order.status not in OPEN:
            return order.tasks["payment"]
        payment = Payment(
            order_id=order_id,
            user_id=order.user_id,
            amount_cents=order.amount_cents,
            method=method,
        )
        noted = self.ledger.assign(order_id, "payment", PAYMENT.task(payment).id)
        return await self.client.enqueue(
            PAYMENT.task(
                payment,
                id=noted,
                depends_on=order.tasks["inventory"],
                on_dependency_failure="cancel",
                on_missing_dependency="run",  # reserved long ago: the handler looks for itself
            )
        )

    async def ship(self, order_id: int, address: Address) -> str:
        """Send an order off once its items are reserved and it is paid; return the task.

        Raises:
            NoSuchOrder: There is none.
            NotNow: Nobody has asked to pay it, or it is called off.
        """
        order = self.find(order_id)
        if order.status in CALLED_OFF or "payment" not in order.tasks:
            raise NotNow(f"Order {order_id} is {order.status}, and no payment was asked for.")
        parcel = Shipping(order_id=order_id, address=address)
        noted = self.ledger.assign(order_id, "shipping", SHIPPING.task(parcel).id)
        return await self.client.enqueue(
            SHIPPING.task(
                parcel,
                id=noted,
                depends_on=[order.tasks["payment"], order.tasks["inventory"]],
                on_dependency_failure="cancel",
                on_missing_dependency="run",
            )
        )

    async def cancel(self, order_id: int, reason: str) -> str:
        """Call an order off that is not paid; return the task that does it, or did.

        Raises:
            NoSuchOrder: There is none.
            NotNow: It is paid or called off.
        """
        order = self.find(order_id)
        if order.status in CALLED_OFF and "cancel" in order.tasks:
            return order.tasks["cancel"]
        if order.status not in OPEN:
            raise NotNow(f"Order {order_id} is {order.status}.")
        wish = CallOff(order_id=order_id, reason=reason)
        noted = self.ledger.assign(order_id, "cancel", CANCEL.task(wish).id)
        return await self.client.enqueue(CANCEL.task(wish, id=noted))

    async def import_file(self, text: str) -> str:
        """Import the orders of a CSV file in the background; return the task."""
        task = IMPORT.task(Upload(upload_id=""))
        self.ledger.upload(task.id, text)
        return await self.client.enqueue(IMPORT.task(Upload(upload_id=task.id), id=task.id))


def _first_tasks(order: Order) -> list[Task[object]]:
    return [
        INVENTORY.task(
            Inventory(order_id=order.id, items=list(order.items)), id=order.tasks["inventory"]
        ),
        TIMEOUT.task(
            CallOff(order_id=order.id, reason="not paid in time"),
            id=order.tasks["timeout"],
            delay=SETTINGS.order_timeout_s,
            unique_key=f"timeout:{order.id}",
            on_duplicate="return",
        ),
    ]


class Line(BaseModel):
    """One line of an import: an order of one item, paid and shipped if it names a method."""

    user_id: int
    product_id: str = Field(min_length=1)
    quantity: int = Field(ge=1, le=1_000)
    price_cents: int = Field(ge=0)
    method: str = ""
    recipient: str = ""

    @property
    def item(self) -> Item:
        """What is ordered."""
        return Item(
            product_id=self.product_id, quantity=self.quantity, price_cents=self.price_cents
        )


def read_lines(text: str) -> Iterator[tuple[int, Line | Rejected]]:
    """Read a CSV file with a head line; yields each line's number and what it says."""
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        row.pop(None, None)  # more fields than the head line names
        try:
            yield number, Line.model_validate({k: v for k, v in row.items() if v is not None})
        except ValidationError as error:
            first = error.errors()[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            yield number, Rejected(line=number, why=why)
