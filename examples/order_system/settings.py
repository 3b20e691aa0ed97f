"""What a deployment sets about the order system, from the environment or `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The business settings; Rediq's own are in order_system.toml.

    Attributes:
        order_timeout_s: An order that is not paid after so long is called off.
        payment_retry_s: Seconds until a declined payment is tried again.
        ledger: File of the shop's books.
        seed: Makes the bank decline the same payments in every run; "" for chance.
        service_port: Where the API listens.
    """

    order_timeout_s: float = 24 * 3_600
    payment_retry_s: float = 300
    ledger: Path = Path("orders.sqlite3")
    seed: str = ""
    service_port: int = 8080


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read ORDER_TIMEOUT_HOURS, PAYMENT_RETRY_SECONDS, ORDER_LEDGER and SERVICE_PORT.

    SMS_RATE_LIMIT is not read here: it is the rate of a queue, which order_system.toml declares.
    """
    return Settings(
        float(environ.get("ORDER_TIMEOUT_HOURS", "24")) * 3_600,
        float(environ.get("PAYMENT_RETRY_SECONDS", "300")),
        Path(environ.get("ORDER_LEDGER", "orders.sqlite3")),
        environ.get("REDIQ_DEMO_SEED", ""),
        int(environ.get("SERVICE_PORT", "8080")),
    )


SETTINGS = from_environment()
