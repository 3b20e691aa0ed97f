"""The books count each thing once: whoever asks twice, and however many ask at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from order_system.contracts import Item
from order_system.ledger import Ledger, OutOfStock, Status

from tests.support.waiting import wait_until

TEA = [Item(product_id="tea", quantity=1, price_cents=500)]
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_step_may_be_repeated(ledger: Ledger) -> None:
    kept = ledger.place("kept", 7, TEA, {"inventory": "first"})
    dropped = ledger.place("dropped", 7, TEA, {})
    steps = [
        lambda: ledger.place("kept", 8, [], {"inventory": "second"}),
        lambda: ledger.reserve(kept.id, "reserve"),
        lambda: ledger.reserve(dropped.id, "reserve too"),
        lambda: ledger.assign(kept.id, "payment", "pay"),
        lambda: ledger.begin_payment(kept.id, "pay"),
        lambda: ledger.charge(kept.id, "pay"),
        lambda: ledger.confirm_payment(kept.id, "pay"),
        lambda: ledger.commit(kept.id, "commit"),
        lambda: ledger.text(kept.id, "payment_success", "sms"),
        lambda: ledger.ship(kept.id, "ship"),
        lambda: ledger.call_off(dropped.id, Status.CANCELLED, "no", "cancel"),
        lambda: ledger.roll_back(dropped.id, "rollback"),
    ]

    twice = [(step(), step()) for step in steps]

    assert [first for first, _ in twice[1:]] == [second for _, second in twice[1:]]
    assert [entry.kind for entry in ledger.entries()] == [
        *("reserved", "reserved", "charged", "paid", "committed", "sms:payment_success"),
        *("shipped", "cancelled", "rolled_back"),
    ]
    order = ledger.order(kept.id)
    assert order is not None
    assert (order.user_id, dict(order.tasks)) == (7, {"inventory": "first", "payment": "pay"})
    assert ledger.stock()["tea"] == (10, 9)


def test_only_one_task_may_charge_an_order(ledger: Ledger) -> None:
    order = ledger.place("a", 7, TEA, {})
    ledger.reserve(order.id, "reserve")
    ledger.begin_payment(order.id, "first")

    ledger.begin_payment(order.id, "second")

    kept = ledger.order(order.id)
    assert kept is not None
    assert kept.payer == "first"


def test_many_at_once_sell_what_is_there_and_no_more(ledger: Ledger, tmp_path: Path) -> None:
    orders = [ledger.place(f"ref {n}", 7, TEA, {}).id for n in range(14)]

    def reserve(order: int) -> bool:
        with Ledger(tmp_path / "orders.sqlite3") as own:
            try:
                return own.reserve(order, f"task {order}")
            except OutOfStock:
                return False

    with ThreadPoolExecutor(7) as pool:
        taken = list(pool.map(reserve, orders))

    assert (taken.count(True), ledger.stock()["tea"]) == (10, (10, 0))


def test_what_a_killed_process_had_noted_stays(ledger: Ledger, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(EXAMPLES)!r})\n"
        "from pathlib import Path\n"
        "from order_system.ledger import Ledger\n"
        f"ledger = Ledger(Path({str(tmp_path / 'orders.sqlite3')!r}))\n"
        "with ledger._transaction() as db:\n"
        "    db.execute(\"INSERT INTO uploads VALUES ('kept', '')\")\n"
        "with ledger._transaction() as db:\n"
        "    db.execute(\"INSERT INTO uploads VALUES ('half', '')\")\n"
        "    print('there', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()

    rows = wait_until(
        lambda: ledger._connection.execute("SELECT id FROM uploads").fetchall(), "one is kept"
    )
    assert [row[0] for row in rows] == ["kept"]
    assert ledger.deliver("tea", 1) == 11
