"""The order API answers what a front end asks, and refuses what cannot be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from order_system import api as api_module
from order_system.api import MAX_UPLOAD_BYTES, app
from order_system.ledger import Ledger, Status
from starlette.testclient import TestClient

from rediq_core.testing import Captured

ORDER = {"user_id": 7, "items": [{"product_id": "tea", "quantity": 2, "price_cents": 500}]}


@pytest.fixture
def api(ledger: Ledger, enqueued: Captured) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def test_an_order_is_placed_paid_and_shipped(api: TestClient, enqueued: Captured) -> None:
    placed = api.post("/orders", json=ORDER)
    number = placed.json()["id"]
    paid = api.post(f"/orders/{number}/pay", json={"method": "card"})
    shipped = api.post(f"/orders/{number}/ship", json={"address": {"recipient": "Ada"}})

    shown = api.get(f"/orders/{number}").json()

    assert [answer.status_code for answer in (placed, paid, shipped)] == [201, 202, 202]
    assert (shown["status"], shown["amount_cents"]) == ("pending", 1_000)
    assert (shown["tasks"]["payment"], shown["tasks"]["shipping"]) == (
        paid.json()["task"],
        shipped.json()["task"],
    )
    assert shown["states"] == {
        "inventory": "pending",
        "timeout": "delayed",
        "payment": "waiting",
        "shipping": "waiting",
    }


def test_a_repeated_request_is_the_same_order_and_the_same_task(
    api: TestClient, enqueued: Captured
) -> None:
    headers = {"Idempotency-Key": "cart-17"}
    numbers = {api.post("/orders", json=ORDER, headers=headers).json()["id"] for _ in range(2)}
    tasks = {api.post("/orders/1/pay").json()["task"] for _ in range(2)}

    assert (numbers, len(tasks)) == ({1}, 1)
    assert len(enqueued) == 3


def test_what_cannot_be_is_refused(api: TestClient, ledger: Ledger) -> None:
    api.post("/orders", json=ORDER)
    api.post("/orders", json=ORDER)
    ledger.call_off(1, Status.CANCELLED, "", "x")

    answers = {
        api.post("/orders", json={"user_id": 7, "items": []}): 422,
        api.post("/orders", content="no json"): 422,
        api.get("/orders/99"): 404,
        api.post("/orders/99/pay"): 404,
        api.post("/orders/1/pay"): 409,
        api.post("/orders/1/cancel"): 409,
        api.post("/orders/2/ship", json={"address": {"recipient": "Ada"}}): 409,
        api.get("/imports/nothing"): 404,
        api.post("/imports", content=b"x" * (MAX_UPLOAD_BYTES + 1)): 413,
        api.post("/products/tea/deliveries", json={"quantity": 0}): 422,
    }

    assert [answer.status_code for answer in answers] == list(answers.values())
    assert all(answer.json()["error"] for answer in answers)


def test_an_import_is_followed(api: TestClient, enqueued: Captured) -> None:
    task = api.post("/imports", content="user_id,product_id,quantity,price_cents\n").json()["task"]

    assert api.get(f"/imports/{task}").json() == {"task": task, "state": "pending"}


def test_stock_comes_in_and_orders_are_counted(api: TestClient) -> None:
    api.post("/orders", json=ORDER)

    assert api.post("/products/tea/deliveries", json={"quantity": 5}).json() == {
        "product_id": "tea",
        "available": 15,
    }
    assert api.get("/report").json() == {
        "orders": {"pending": 1},
        "charged_cents": 0,
        "refunded_cents": 0,
    }


def test_health_is_good_while_the_queue_answers(api: TestClient) -> None:
    assert api.get("/health").json() == {"status": "ok", "redis_connected": True}


def test_health_is_bad_without_redis(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "DEADLINE", "200ms")
    monkeypatch.setenv("REDIQ_URL", "unix:///nonexistent/s.sock")
    with TestClient(app) as api:
        health, placed = api.get("/health"), api.post("/orders", json=ORDER)

    assert (health.status_code, health.json()["redis_connected"]) == (503, False)
    assert placed.status_code == 503
