"""A busy quarter of a minute in the shop: every feature of the guide, through the API, and a check.

It needs an API, at least one worker with a short ORDER_TIMEOUT_HOURS and PAYMENT_RETRY_SECONDS, and
an empty ledger; it starts nothing itself. `rediq demo --full` and the end-to-end test run it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2

from order_system.contracts import TIMEOUT_CHECK, DailyReport, Imported
from order_system.ledger import Ledger, Order
from order_system.rules import broken_rules
from rediq_core import Client, RediqError, TaskState
from rediq_core.admin import Admin

# Seconds for asking for everything, and then for all of it to come to its end.
ASK_S = 60.0
SETTLE_S = 50.0
# Seconds between looks.
LOOK_S = 0.2
# How long the declared rate is watched, in milliseconds.
WINDOW_MS = 4_000
CALM = (TaskState.PENDING, TaskState.ACTIVE, TaskState.DELAYED, TaskState.RETRY, TaskState.WAITING)
SCHEDULE = "every_two_seconds"
OPERATOR = "operator@shop"
# How much later each cancel comes than the one before; a payment takes some of these.
RACE_S = 0.03


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything.

    Attributes:
        orders: Orders that are placed, paid and shipped.
        imported: Good lines of the file that is imported; two bad ones come with them.
        stolen: Orders that are paid with a stolen card.
        scarce: Orders of a product of which there are two fewer.
        cancelled: Orders that are cancelled before they are paid.
        racing: Orders that are paid and cancelled at the same moment.
        unpaid: Orders that nobody pays.
        sms_per_s: What the workers' SMS_RATE_LIMIT comes to, a second.
    """

    orders: int = 80
    imported: int = 40
    stolen: int = 4
    scarce: int = 6
    cancelled: int = 8
    racing: int = 8
    unpaid: int = 6
    sms_per_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the summary.

    Attributes:
        what: What was done.
        expected: What had to come of it.
        seen: What did.
        is_right: Whether that is it.
    """

    what: str
    expected: str
    seen: str
    is_right: bool


@dataclass(slots=True)
class Notes:
    """What is seen on the way.

    Attributes:
        percents: What the import said of its progress, each value once.
        imported: What it returned.
        report: What the daily report returned.
        limited_ms: From when to when the declared SMS rate was in force, by the ledger's clock.
        groups: Name of what was done to the orders of those numbers.
    """

    percents: list[float] = field(default_factory=list)
    imported: Imported | None = None
    report: DailyReport | None = None
    limited_ms: tuple[int, int] = (0, 0)
    groups: dict[str, list[int]] = field(default_factory=dict)


class Scenario:
    """One run. Owns neither the clients nor the ledger."""

    def __init__(
        self,
        api: httpx2.AsyncClient,
        client: Client,
        admin: Admin,
        ledger: Ledger,
        plan: Plan,
        *,
        say: Callable[[str], None] = lambda _: None,
        disturb: Callable[[int], Coroutine[object, object, None]] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            api: The shop's API.
            client: For what the shop's operators do.
            admin: Likewise.
            ledger: The books, to look at.
            plan: How much of everything.
            say: Told where things stand, a few times a second.
            disturb: Called once in the middle, with the process that runs the import: to kill it.
        """
        self._api = api
        self._client = client
        self._admin = admin
        self._ledger = ledger
        self._plan = plan
        self._say = say
        self._disturb = disturb
        self._notes = Notes()

    async def run(self) -> list[Row]:
        """Do everything, wait until it has come to an end, and say what did."""
        telling = asyncio.create_task(self._tell())
        try:
            return await self._run()
        finally:
            telling.cancel()

    async def _run(self) -> list[Row]:
        await self._client.schedule(
            SCHEDULE, "*/2 * * * * *", TIMEOUT_CHECK.task(), misfire="catch_up"
        )
        for product in range(4):
            await self._post(f"/products/p{product}/deliveries", {"quantity": 1_000})
        await self._post("/products/scarce/deliveries", {"quantity": self._plan.scarce - 2})
        upload = (await self._post("/imports", content=self._file()))["task"]
        with suppress(TimeoutError):  # what is missing then shows in the rows
            async with asyncio.timeout(ASK_S):
                await self._ask(str(upload))
        await self._settle()
        return self.rows(await self._firings())

    async def _ask(self, upload: str) -> None:
        plan, groups = self._plan, self._notes.groups
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_import(upload))
            group.create_task(self._limit_messages())
            if self._disturb is not None:
                group.create_task(self._disturb(await self._importer(upload)))
            groups["unpaid"] = [await self._place("p0") for _ in range(plan.unpaid)]
            groups["shipped"] = []
            for number in range(plan.orders):
                groups["shipped"].append(await self._buy(f"p{number % 4}", f"order-{number}"))
            groups["stolen"] = [
                await self._buy("p1", method="stolen-card") for _ in range(plan.stolen)
            ]
            groups["scarce"] = [await self._buy("scarce") for _ in range(plan.scarce)]
            groups["cancelled"] = [await self._place("p2") for _ in range(plan.cancelled)]
            for order in groups["cancelled"]:
                await self._post(f"/orders/{order}/cancel", {"reason": "found it cheaper"})
            groups["racing"] = [await self._race(number) for number in range(plan.racing)]

    def rows(self, firings: Counter[str]) -> list[Row]:
        """Hold what came of each part against what had to."""
        plan = self._plan
        orders = {order.id: order for order in self._ledger.orders()}
        imported = [order for order in orders.values() if ":" in order.ref]
        stolen, scarce = self._of("stolen", orders), self._of("scarce", orders)
        racing = self._of("racing", orders)
        called_off, unpaid = self._of("cancelled", orders), self._of("unpaid", orders)
        return [
            _row("orders paid and shipped", {"shipped": plan.orders}, self._of("shipped", orders)),
            _row("imported from a file", {"shipped": plan.imported}, imported),
            _row("paid with a stolen card", {"cancelled": plan.stolen}, stolen),
            _row("of a scarce product", {"shipped": plan.scarce - 2, "cancelled": 2}, scarce),
            _row(
                "cancelled before paid",
                {"cancelled": plan.cancelled},
                called_off,
            ),
            _row("never paid", {"timeout": plan.unpaid}, unpaid),
            Row(
                "paid and cancelled at once",
                "either, never both",
                _counted(racing),
                all(order.status in ("shipped", "cancelled") for order in racing),
            ),
            *self._side_rows(firings),
        ]

    def _side_rows(self, firings: Counter[str]) -> list[Row]:
        notes, plan = self._notes, self._plan
        done, percents = notes.imported, notes.percents
        seen = f"{len(percents)} values, {done.orders if done else 0} orders"
        is_import_right = (
            done is not None
            and (done.orders, len(done.rejected)) == (plan.imported, 2)
            and len(set(percents)) > 2
        )
        sent, allowed = self._messages()
        missed = sum(firings.values()) - firings["fired"] - firings["overlap"]
        fired = f"{firings['fired']} fired, {missed} missed"
        counted, report = self._ledger.report(), notes.report
        reported = _listed(report.orders) if report else "none"
        return [
            Row("progress of the import", f"seen, {plan.imported} orders", seen, is_import_right),
            Row("messages under the rate", f"at most {allowed:.0f}", str(sent), sent <= allowed),
            Row("schedule, each 2 s", "none missed", fired, firings["fired"] > 0 and not missed),
            Row("daily report", _listed(counted.orders), reported, report == counted),
        ]

    def _of(self, group: str, orders: dict[int, Order]) -> list[Order]:
        return [orders[number] for number in self._notes.groups.get(group, ())]

    def _messages(self) -> tuple[int, float]:
        """Return how many messages went out while the rate held, and how many may have."""
        begin_ms, end_ms = self._notes.limited_ms
        sent = sum(
            entry.kind.startswith("sms:") and begin_ms <= entry.at_ms < end_ms
            for entry in self._ledger.entries()
        )
        # What was started before the window may end in it: one for each that runs at a time.
        return sent, self._plan.sms_per_s * (end_ms - begin_ms) / 1_000 + 3

    async def _post(
        self, path: str, body: dict[str, object] | None = None, *, key: str = "", content: str = ""
    ) -> dict[str, object]:
        headers = {"idempotency-key": key} if key else {}
        answer = await self._api.post(
            path, json=body if not content else None, content=content or None, headers=headers
        )
        answer.raise_for_status()
        shown: dict[str, object] = answer.json()
        return shown

    async def _place(self, product: str, key: str = "") -> int:
        items = [{"product_id": product, "quantity": 1, "price_cents": 1_999}]
        order = await self._post("/orders", {"user_id": 7, "items": items}, key=key)
        return int(str(order["id"]))

    async def _buy(self, product: str, key: str = "", method: str = "card") -> int:
        """Place, pay and ship; with a key everything is asked for twice, as after a lost reply."""
        order = await self._pay(product, key, method)
        return await self._pay(product, key, method) if key else order

    async def _pay(self, product: str, key: str, method: str) -> int:
        order = await self._place(product, key)
        answer = await self._api.post(f"/orders/{order}/pay", json={"method": method})
        if answer.status_code != httpx2.codes.CONFLICT:  # called off already, or paid
            answer.raise_for_status()
            ship = {"address": {"recipient": "Ada", "city": "Vienna"}}
            await self._api.post(f"/orders/{order}/ship", json=ship)
        return order

    async def _race(self, number: int) -> int:
        """Pay an order and cancel it, each a little later than the one before."""
        order = await self._place("p3")
        await self._api.post(f"/orders/{order}/pay", json={})
        await self._api.post(f"/orders/{order}/ship", json={"address": {"recipient": "Bob"}})
        await asyncio.sleep(number * RACE_S)
        await self._api.post(f"/orders/{order}/cancel", json={})
        return order

    def _file(self) -> str:
        lines = ["user_id,product_id,quantity,price_cents,method,recipient"]
        lines += [f"{n},p{n % 4},1,999,card,user {n}" for n in range(self._plan.imported)]
        return "\n".join([*lines, "nobody,p0,1,999,card,x", "1,p0,0,999,card,x"]) + "\n"

    async def _follow_import(self, task: str) -> None:
        percents = self._notes.percents
        while True:
            shown = (await self._api.get(f"/imports/{task}")).json()
            if shown.get("percent") not in (None, *percents[-1:]):
                percents.append(shown["percent"])
            if "result" in shown:
                self._notes.imported = Imported.model_validate(shown["result"])
                return
            if shown["state"] in (TaskState.DEAD, TaskState.CANCELLED):
                return
            await asyncio.sleep(LOOK_S)

    async def _importer(self, task: str) -> int:
        """Wait until the import is under way, and return the process that runs it."""
        while True:
            view = await self._client.get(task)
            if view.state is TaskState.ACTIVE and view.progress and view.progress.percent:
                return int(view.worker.split("-")[-2])
            if view.finished_ms:
                return 0
            await asyncio.sleep(LOOK_S / 4)

    async def _limit_messages(self) -> None:
        """Watch the declared rate for a while, then let an operator raise it, live."""
        begin_ms = await self._first_message()
        await asyncio.sleep(WINDOW_MS / 1_000)
        self._notes.limited_ms = (begin_ms + 1, begin_ms + WINDOW_MS)
        await asyncio.to_thread(self._admin.limit, "notifications", by=OPERATOR, rate="200/s")

    async def _first_message(self) -> int:
        """Wait for a message to go out, and return when it did."""
        while True:
            for entry in await asyncio.to_thread(self._ledger.entries):
                if entry.kind.startswith("sms:"):
                    return entry.at_ms
            await asyncio.sleep(LOOK_S)

    async def _settle(self) -> None:
        """Wait until nothing is left to do and the books are clean, or the time is over."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + SETTLE_S
        while loop.time() < end_s:
            left, broken = await asyncio.to_thread(self._left), broken_rules(self._ledger)
            if not left and not broken:
                break
            await asyncio.sleep(LOOK_S)
        await asyncio.to_thread(self._admin.reset_limits, "notifications", by=OPERATOR)
        report = await asyncio.to_thread(self._admin.run_schedule, "daily_report", OPERATOR)
        try:
            result = await self._client.result(report, timeout=20)
        except RediqError:
            return
        self._notes.report = DailyReport.model_validate(result)

    def _left(self) -> int:
        queues = self._admin.queues()
        return sum(queue.counts.get(state, 0) for queue in queues for state in CALM)

    async def _tell(self) -> None:
        while True:
            left = await asyncio.to_thread(self._left)
            self._say(f"{_counted(self._ledger.orders())}; {left} tasks to go")
            await asyncio.sleep(LOOK_S)

    async def _firings(self) -> Counter[str]:
        await asyncio.to_thread(self._admin.pause_schedule, SCHEDULE, OPERATOR)
        history = await asyncio.to_thread(self._admin.schedule_history, SCHEDULE)
        return Counter(firing.kind for firing in history for _ in range(firing.count))


def _counted(orders: Sequence[Order]) -> str:
    return _listed(Counter(order.status.value for order in orders))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))


def _row(what: str, expected: dict[str, int], orders: Sequence[Order]) -> Row:
    seen = Counter(order.status.value for order in orders)
    wanted = {status: number for status, number in expected.items() if number}
    return Row(what, _listed(wanted), _listed(seen), seen == wanted)
