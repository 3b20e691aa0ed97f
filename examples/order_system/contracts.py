"""What producers and workers of the order system share: payloads and task types.

Queues, priorities, retries and timeouts are those of the guide's table. Producers import this
module and never a handler.
"""

from __future__ import annotations

from pydantic import BaseModel

from rediq_core import TaskType


class Item(BaseModel):
    """One line of an order."""

    product_id: str
    quantity: int
    price_cents: int


class Inventory(BaseModel):
    """Reserve the items of an order."""

    order_id: int
    user_id: int
    items: list[Item]


class Payment(BaseModel):
    """Charge an order."""

    order_id: int
    user_id: int
    amount_cents: int
    method: str = "card"


class Sms(BaseModel):
    """Tell a user something."""

    user_id: int
    template: str
    order_id: int


class Shipping(BaseModel):
    """Send an order's parcel."""

    order_id: int


class Receipt(BaseModel):
    """What a payment returns."""

    order_id: int
    amount_cents: int


INVENTORY = TaskType(
    "order:inventory", Inventory, queue="inventory", priority=0, max_retry=3, timeout="30s"
)
PAYMENT = TaskType(
    "order:payment",
    Payment,
    returns=Receipt,
    queue="payment",
    priority=0,
    max_retry=5,
    timeout="60s",
    keep="30d",
)
SMS = TaskType("order:sms", Sms, queue="notifications", priority=50, max_retry=3)
SHIPPING = TaskType("order:shipping", Shipping, queue="shipping", priority=30, max_retry=3)
