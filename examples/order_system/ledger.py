"""The shop's books: orders, stock, and what happened to each order, in one SQLite file.

It stands for the database of a real shop. Tasks are delivered at least once, so every method may be
called again with the same task id and then changes nothing: what happened is an entry that is
unique by order, kind and task. Each method is one transaction; a process that is killed leaves all
of it or nothing. The books are kept by the shop, not by the queue, so they can bear witness to what
the queue did: see `rules.py`.

A connection may be used from several threads; each process opens its own.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from order_system.contracts import DailyReport, Item

_NOW = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS products (
  id TEXT PRIMARY KEY,
  delivered INTEGER NOT NULL DEFAULT 0,
  available INTEGER NOT NULL DEFAULT 0 CHECK (available >= 0));
CREATE TABLE IF NOT EXISTS orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ref TEXT NOT NULL UNIQUE,
  user_id INTEGER NOT NULL,
  items TEXT NOT NULL,
  amount_cents INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending',
  reason TEXT NOT NULL DEFAULT '',
  stock TEXT NOT NULL DEFAULT 'none',
  payer TEXT NOT NULL DEFAULT '',
  tasks TEXT NOT NULL DEFAULT '{{}}',
  created_ms INTEGER NOT NULL DEFAULT ({_NOW}));
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  task_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL DEFAULT ({_NOW}),
  UNIQUE (order_id, kind, task_id));
CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, text TEXT NOT NULL);
"""
# Seconds to wait for another process's transaction; one takes about a millisecond.
_BUSY_S = 20


class Status(StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    RESERVED = "reserved"
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


class Stock(StrEnum):
    """Where the items of an order are."""

    NONE = "none"
    RESERVED = "reserved"
    COMMITTED = "committed"
    RETURNED = "returned"


OPEN = (Status.PENDING, Status.RESERVED)
CALLED_OFF = (Status.CANCELLED, Status.TIMEOUT)


class OutOfStock(Exception):  # noqa: N818  # named for what happened
    """There are not enough items."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the books have it.

    Attributes:
        id: Its number.
        ref: Who placed it names it so; the same ref is the same order.
        user_id: Whose it is.
        items: What was ordered.
        amount_cents: What it costs.
        status: Where it stands.
        reason: Why it was called off, or "".
        stock: Where its items are.
        payer: Task that is charging it right now, or "".
        tasks: Step to the id of its task, for those that were asked for.
        is_overdue: It should have been paid by now; said by `unsettled` alone.
    """

    id: int
    ref: str
    user_id: int
    items: Sequence[Item]
    amount_cents: int
    status: Status
    reason: str
    stock: Stock
    payer: str
    tasks: Mapping[str, str]
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened to an order: what, by which task, when; in order of `seq`."""

    seq: int
    order_id: int
    kind: str
    task_id: str
    at_ms: int


class Ledger:
    """The open books. Close it, or use it in a with-block."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it if it is not there."""
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing; a power cut may lose the last moments.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def deliver(self, product_id: str, quantity: int) -> int:
        """Add to the stock of a product; return what is available then."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO products (id) VALUES (?)", (product_id,))
            db.execute(
                "UPDATE products SET delivered = delivered + ?1, available = available + ?1"
                " WHERE id = ?2",
                (quantity, product_id),
            )
            row = db.execute("SELECT available FROM products WHERE id = ?", (product_id,))
            return int(row.fetchone()[0])

    def place(
        self, ref: str, user_id: int, items: Sequence[Item], tasks: Mapping[str, str]
    ) -> Order:
        """Note a new order, or return the one that has this ref."""
        amount_cents = sum(item.quantity * item.price_cents for item in items)
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO orders (ref, user_id, items, amount_cents, tasks)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    ref,
                    user_id,
                    json.dumps([item.model_dump() for item in items]),
                    amount_cents,
                    json.dumps(dict(tasks)),
                ),
            )
            return _order(db.execute("SELECT * FROM orders WHERE ref = ?", (ref,)).fetchone())

    def order(self, order_id: int) -> Order | None:
        """Return an order, or None."""
        with self._lock:
            found = self._connection.execute("SELECT * FROM orders WHERE id = ?", (order_id,))
            row = found.fetchone()
        return None if row is None else _order(row)

    def orders(self) -> list[Order]:
        """Return all orders."""
        with self._lock:
            return [_order(row) for row in self._connection.execute("SELECT * FROM orders")]

    def entries(self) -> list[Entry]:
        """Return all that happened, in order."""
        with self._lock:
            rows = self._connection.execute("SELECT * FROM entries ORDER BY seq")
            return [Entry(*row) for row in rows]

    def stock(self) -> dict[str, tuple[int, int]]:
        """Return what was ever delivered of each product, and what of it is available."""
        with self._lock:
            rows = self._connection.execute("SELECT id, delivered, available FROM products")
            return {row[0]: (row[1], row[2]) for row in rows}

    def assign(self, order_id: int, step: str, task_id: str) -> str:
        """Note which task does a step; return the one that was noted first.

        Noted before it is enqueued: who dies between the two is asked again, enqueues a task of
        the same id, and the queue has it once.
        """
        with self._transaction() as db:
            order = _get(db, order_id)
            tasks = {step: task_id, **order.tasks}
            db.execute("UPDATE orders SET tasks = ? WHERE id = ?", (json.dumps(tasks), order_id))
            return tasks[step]

    def reserve(self, order_id: int, task_id: str) -> bool:
        """Take the items of an order from the stock.

        Returns:
            Whether they are reserved; not if the order was called off meanwhile.

        Raises:
            OutOfStock: There are too few.
        """
        with self._transaction() as db:
            order = _get(db, order_id)
            if order.status is not Status.PENDING:
                return order.stock in (Stock.RESERVED, Stock.COMMITTED)
            for item in order.items:
                taken = db.execute(
                    "UPDATE products SET available = available - ?1"
                    " WHERE id = ?2 AND available >= ?1",
                    (item.quantity, item.product_id),
                )
                if not taken.rowcount:
                    raise OutOfStock(f"fewer than {item.quantity} of {item.product_id}")
            _move(db, order_id, Status.RESERVED, stock=Stock.RESERVED)
            _enter(db, order_id, "reserved", task_id)
            return True

    def commit(self, order_id: int, task_id: str) -> None:
        """The items of a paid order are sold."""
        with self._transaction() as db:
            order = _get(db, order_id)
            if order.status in (Status.PAID, Status.SHIPPED) and order.stock is Stock.RESERVED:
                _move(db, order_id, order.status, stock=Stock.COMMITTED)
                _enter(db, order_id, "committed", task_id)

    def roll_back(self, order_id: int, task_id: str) -> None:
        """Put the items of an order that was called off back into the stock."""
        with self._transaction() as db:
            order = _get(db, order_id)
            if order.status not in CALLED_OFF or order.stock is Stock.RETURNED:
                return
            if order.stock in (Stock.RESERVED, Stock.COMMITTED):
                for item in order.items:
                    db.execute(
                        "UPDATE products SET available = available + ? WHERE id = ?",
                        (item.quantity, item.product_id),
                    )
            _move(db, order_id, order.status, stock=Stock.RETURNED)
            _enter(db, order_id, "rolled_back", task_id)

    def begin_payment(self, order_id: int, task_id: str) -> Status:
        """Keep the order for a payment, so that nobody calls it off meanwhile.

        Returns:
            RESERVED if it may be charged now, by this task; else why not.
        """
        with self._transaction() as db:
            order = _get(db, order_id)
            if order.status is Status.RESERVED and order.payer in ("", task_id):
                db.execute("UPDATE orders SET payer = ? WHERE id = ?", (task_id, order_id))
            return order.status

    def payment_declined(self, order_id: int) -> None:
        """Let go of an order that could not be charged."""
        with self._transaction() as db:
            db.execute("UPDATE orders SET payer = '' WHERE id = ?", (order_id,))

    def charge(self, order_id: int, task_id: str) -> None:
        """The bank has charged the order; for the bank, the task's id is its idempotency key."""
        with self._transaction() as db:
            _enter(db, order_id, "charged", task_id)

    def confirm_payment(self, order_id: int, task_id: str) -> None:
        """The order is paid."""
        with self._transaction() as db:
            if _get(db, order_id).status is Status.RESERVED:
                _move(db, order_id, Status.PAID)
                _enter(db, order_id, "paid", task_id)

    def undo_payment(self, order_id: int, payment_id: str) -> None:
        """A payment is dead: pay back what was charged, and let go of the order."""
        with self._transaction() as db:
            order = _get(db, order_id)
            if order.status in CALLED_OFF or order.status is Status.SHIPPED:
                return
            charged = db.execute(
                "SELECT 1 FROM entries WHERE order_id = ? AND kind = 'charged' AND task_id = ?",
                (order_id, payment_id),
            )
            if charged.fetchone():
                _enter(db, order_id, "refunded", payment_id)
            _move(db, order_id, Status.RESERVED if order.stock != Stock.NONE else order.status)

    def text(self, order_id: int, template: str, task_id: str) -> None:
        """A message has gone out; the gateway takes each idempotency key once."""
        with self._transaction() as db:
            _enter(db, order_id, f"sms:{template}", task_id)

    def ship(self, order_id: int, task_id: str) -> bool:
        """Hand the parcel of a paid order to the carrier; False, and noted, if it is not paid."""
        with self._transaction() as db:
            order = _get(db, order_id)
            if order.status is Status.PAID:
                _move(db, order_id, Status.SHIPPED)
                _enter(db, order_id, "shipped", task_id)
            elif order.status is not Status.SHIPPED:
                _enter(db, order_id, "shipping_refused", task_id)
                return False
            return True

    def call_off(self, order_id: int, status: Status, reason: str, task_id: str) -> Order:
        """End an order that is neither paid nor being paid; return it as it is then."""
        with self._transaction() as db:
            order = _get(db, order_id)
            if order.status not in OPEN or order.payer:
                return order
            db.execute(
                "UPDATE orders SET status = ?, reason = ? WHERE id = ?", (status, reason, order_id)
            )
            _enter(db, order_id, status, task_id)
            return _get(db, order_id)

    def unsettled(self, timeout_s: float) -> list[Order]:
        """Return orders that are neither shipped, nor called off with their stock back.

        Args:
            timeout_s: Orders that have not been paid for so long are overdue.
        """
        with self._lock:
            rows = self._connection.execute(
                f"SELECT *, status IN ('pending', 'reserved') AND created_ms <= {_NOW} - ?"  # noqa: S608  # constants of this file
                " AS is_overdue FROM orders WHERE status IN ('pending', 'reserved', 'paid')"
                " OR (status IN ('cancelled', 'timeout') AND stock != 'returned')",
                (timeout_s * 1_000,),
            )
            return [_order(row, is_overdue=bool(row["is_overdue"])) for row in rows]

    def upload(self, upload_id: str, text: str) -> None:
        """Keep a file until it is imported."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO uploads VALUES (?, ?)", (upload_id, text))

    def uploaded(self, upload_id: str) -> str:
        """Return a file."""
        with self._lock:
            found = self._connection.execute("SELECT text FROM uploads WHERE id = ?", (upload_id,))
            return str(found.fetchone()[0])

    def report(self) -> DailyReport:
        """Count the orders and the money."""
        money = (
            "SELECT coalesce(sum(amount_cents), 0) FROM entries"
            " JOIN orders ON orders.id = order_id WHERE kind = ?"
        )
        with self._lock:
            by_status = self._connection.execute(
                "SELECT status, count(*) FROM orders GROUP BY status"
            ).fetchall()
            charged, refunded = (
                self._connection.execute(money, (kind,)).fetchone()[0]
                for kind in ("charged", "refunded")
            )
        return DailyReport(
            orders=dict(map(tuple, by_status)), charged_cents=charged, refunded_cents=refunded
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _get(db: sqlite3.Connection, order_id: int) -> Order:
    row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
    if row is None:
        raise LookupError(f"there is no order {order_id}")
    return _order(row)


def _order(row: sqlite3.Row, *, is_overdue: bool = False) -> Order:
    return Order(
        row["id"],
        row["ref"],
        row["user_id"],
        [Item(**item) for item in json.loads(row["items"])],
        row["amount_cents"],
        Status(row["status"]),
        row["reason"],
        Stock(row["stock"]),
        row["payer"],
        json.loads(row["tasks"]),
        is_overdue,
    )


def _move(
    db: sqlite3.Connection, order_id: int, status: Status, *, stock: Stock | None = None
) -> None:
    """Give an order its status; whoever was paying for it is done."""
    db.execute(
        "UPDATE orders SET status = ?, stock = coalesce(?, stock), payer = '' WHERE id = ?",
        (status, stock, order_id),
    )


def _enter(db: sqlite3.Connection, order_id: int, kind: str, task_id: str) -> None:
    db.execute(
        "INSERT OR IGNORE INTO entries (order_id, kind, task_id) VALUES (?, ?, ?)",
        (order_id, kind, task_id),
    )
