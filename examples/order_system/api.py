"""The order API over HTTP: everything a shop's front end asks for.

    python -m order_system.api          listens on SERVICE_PORT

It answers as soon as the queue has the work: 202 with the task that will do it. A request may be
repeated: an order by its Idempotency-Key, everything else because the order remembers its task.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypedDict, TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from order_system.contracts import Address, Imported, Item
from order_system.ledger import Ledger, Order
from order_system.settings import from_environment
from order_system.shop import NoSuchOrder, NotNow, Shop
from rediq_core import Client, EnqueueManyFailed, RediqError
from rediq_core.errors import RedisUnavailable, TaskNotFound

M = TypeVar("M", bound=BaseModel)
# An upload of this size is some ten thousand orders.
MAX_UPLOAD_BYTES = 1_000_000
# Nobody waits longer than this for a page; workers have more patience.
DEADLINE = "2s"


class NewOrder(BaseModel):
    """An order that is placed."""

    user_id: int
    items: list[Item] = Field(min_length=1, max_length=100)


class Pay(BaseModel):
    """How an order is paid."""

    method: str = "card"


class Ship(BaseModel):
    """Where an order goes."""

    address: Address


class Cancel(BaseModel):
    """Why an order is called off."""

    reason: str = "the customer changed their mind"


class Delivery(BaseModel):
    """Goods that come in."""

    quantity: int = Field(ge=1)


class State(TypedDict):
    """What lives as long as the application."""

    shop: Shop


@asynccontextmanager
async def open_shop(_: Starlette) -> AsyncIterator[State]:
    """Open client and ledger for as long as the application runs."""
    async with Client(deadline=DEADLINE) as client:
        with Ledger(from_environment().ledger) as ledger:
            yield {"shop": Shop(client, ledger)}


async def place(request: Request) -> JSONResponse:
    """Place an order."""
    new = await _body(request, NewOrder)
    ref = request.headers.get("idempotency-key") or uuid.uuid4().hex
    order = await _shop(request).place(ref, new.user_id, new.items)
    return JSONResponse(await _shown(request, order), 201)


async def show(request: Request) -> JSONResponse:
    """Show an order, with the state of each of its tasks."""
    return JSONResponse(await _shown(request, _shop(request).find(_order_id(request))))


async def pay(request: Request) -> JSONResponse:
    """Have an order charged."""
    wish = await _body(request, Pay)
    return _accepted(await _shop(request).pay(_order_id(request), wish.method))


async def ship(request: Request) -> JSONResponse:
    """Have an order shipped once it is paid."""
    wish = await _body(request, Ship)
    return _accepted(await _shop(request).ship(_order_id(request), wish.address))


async def cancel(request: Request) -> JSONResponse:
    """Have an order called off."""
    wish = await _body(request, Cancel)
    return _accepted(await _shop(request).cancel(_order_id(request), wish.reason))


async def deliver(request: Request) -> JSONResponse:
    """Add to the stock of a product."""
    delivery = await _body(request, Delivery)
    product = request.path_params["product_id"]
    available = _shop(request).ledger.deliver(product, delivery.quantity)
    return JSONResponse({"product_id": product, "available": available})


async def import_file(request: Request) -> JSONResponse:
    """Take a CSV file and import its orders in the background."""
    raw = await request.body()
    if len(raw) > MAX_UPLOAD_BYTES:
        return JSONResponse({"error": f"over {MAX_UPLOAD_BYTES} bytes; send it in parts"}, 413)
    return _accepted(await _shop(request).import_file(raw.decode("utf-8", "replace")))


async def show_import(request: Request) -> JSONResponse:
    """Say how far an import is, and what came of it."""
    view = await _shop(request).client.get(request.path_params["task_id"])
    shown: dict[str, object] = {"task": view.id, "state": view.state}
    if view.progress is not None:
        shown |= {"percent": view.progress.percent, "message": view.progress.message}
    if view.result is not None:
        shown["result"] = Imported.model_validate(view.result).model_dump()
    return JSONResponse(shown)


async def report(request: Request) -> JSONResponse:
    """Count orders and money, as they are now."""
    return JSONResponse(_shop(request).ledger.report().model_dump())


async def health(request: Request) -> JSONResponse:
    """Say whether orders can be taken: 503 while Redis is away."""
    try:
        await _shop(request).client.get("ping")
    except TaskNotFound:
        return JSONResponse({"status": "ok", "redis_connected": True})
    except RediqError:
        return JSONResponse({"status": "unhealthy", "redis_connected": False}, 503)
    return JSONResponse({"status": "ok", "redis_connected": True})


def _shop(request: Request) -> Shop:
    shop: Shop = request.state.shop
    return shop


def _order_id(request: Request) -> int:
    return int(request.path_params["order_id"])


async def _body(request: Request, model: type[M]) -> M:
    return model.model_validate_json(await request.body() or b"{}")


def _accepted(task_id: str) -> JSONResponse:
    return JSONResponse({"task": task_id}, 202)


async def _shown(request: Request, order: Order) -> dict[str, object]:
    states = {}
    for step, task_id in order.tasks.items():
        try:
            states[step] = (await _shop(request).client.get(task_id)).state
        except TaskNotFound:
            continue  # not enqueued yet, or older than what the queue keeps
    return {
        "id": order.id,
        "user_id": order.user_id,
        "items": [item.model_dump() for item in order.items],
        "amount_cents": order.amount_cents,
        "status": order.status,
        "reason": order.reason,
        "tasks": order.tasks,
        "states": states,
    }


def _refusal(status: int) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(_: Request, error: Exception) -> JSONResponse:
        text = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        return JSONResponse({"error": text}, status)

    return answer


app = Starlette(
    routes=[
        Route("/orders", place, methods=["POST"]),
        Route("/orders/{order_id:int}", show),
        Route("/orders/{order_id:int}/pay", pay, methods=["POST"]),
        Route("/orders/{order_id:int}/ship", ship, methods=["POST"]),
        Route("/orders/{order_id:int}/cancel", cancel, methods=["POST"]),
        Route("/products/{product_id}/deliveries", deliver, methods=["POST"]),
        Route("/imports", import_file, methods=["POST"]),
        Route("/imports/{task_id}", show_import),
        Route("/report", report),
        Route("/health", health),
    ],
    exception_handlers={
        NoSuchOrder: _refusal(404),
        TaskNotFound: _refusal(404),
        NotNow: _refusal(409),
        ValidationError: _refusal(422),
        RedisUnavailable: _refusal(503),
        EnqueueManyFailed: _refusal(503),  # the order is noted: asked again, its tasks follow
    },
    lifespan=open_shop,
)


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="0.0.0.0", port=from_environment().service_port)  # noqa: S104  # in a container; bind what is in front of it
