"""What producers and workers of the order system share: payloads, results and task types.

Queues, priorities, retries and timeouts are decided here, once. Producers import this module and
never a handler.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from rediq_core import TaskType


class Operation(StrEnum):
    """What to do with the stock of an order."""

    RESERVE = "reserve"
    COMMIT = "commit"
    ROLLBACK = "rollback"


class Item(BaseModel):
    """One line of an order."""

    product_id: str = Field(min_length=1, max_length=100)
    quantity: int = Field(ge=1, le=1_000)
    price_cents: int = Field(ge=0)


class Inventory(BaseModel):
    """Reserve the items of an order, commit them once it is paid, or put them back."""

    order_id: int
    items: list[Item] = []
    operation: Operation = Operation.RESERVE


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


class Address(BaseModel):
    """Where a parcel goes."""

    recipient: str
    phone: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    detail: str = ""
    postal_code: str = ""


class Shipping(BaseModel):
    """Send an order's parcel."""

    order_id: int
    address: Address


class CallOff(BaseModel):
    """End an order that is not paid, and put its stock back."""

    order_id: int
    reason: str = ""


class Upload(BaseModel):
    """Import the orders of a file that was uploaded; the file itself stays in the ledger."""

    upload_id: str


class Receipt(BaseModel):
    """What a payment returns."""

    order_id: int
    amount_cents: int


class Rejected(BaseModel):
    """A line of an import that is no order."""

    line: int
    why: str


class Imported(BaseModel):
    """What an import returns."""

    orders: int
    rejected: list[Rejected] = []


class DailyReport(BaseModel):
    """What the report returns: all orders so far, by status, and the money."""

    orders: dict[str, int]
    charged_cents: int
    refunded_cents: int


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
CANCEL = TaskType("order:cancel", CallOff, queue="cancellations", priority=0, max_retry=1)
TIMEOUT = TaskType("order:timeout", CallOff, queue="cancellations")
TIMEOUT_CHECK = TaskType("order:timeout_check", queue="cancellations")
IMPORT = TaskType(
    "order:import", Upload, returns=Imported, queue="imports", max_retry=3, timeout="10m"
)
REPORT = TaskType(
    "report:daily",
    returns=DailyReport,
    queue="reports",
    priority=100,
    max_retry=1,
    timeout="5m",
    keep="90d",
)
