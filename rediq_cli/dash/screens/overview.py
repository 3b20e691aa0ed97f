"""Overview: is anything wrong, and where? Charts, queues, what needs attention, workers."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from textual.app import ComposeResult
from textual.containers import Horizontal

from rediq_cli.dash.figures import number, of_all, per_second, percent, short, span_text, spark
from rediq_cli.dash.history import RANGES
from rediq_cli.dash.keymap import Scope, bindings
from rediq_cli.dash.screens.queue_acts import QueueActs
from rediq_cli.dash.screens.queue_columns import QUEUE_COLUMNS
from rediq_cli.dash.screens.view import Scene
from rediq_cli.dash.screens.worker_columns import SHORT_WORKER_COLUMNS
from rediq_cli.dash.view_model import (
    Attention,
    Charts,
    Demand,
    Place,
    QueueRow,
    Series,
    Severity,
    ViewName,
)
from rediq_cli.dash.widgets.bars import Bar
from rediq_cli.dash.widgets.chart import Chart, Curve
from rediq_cli.dash.widgets.columns import Column
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, joined, say
from rediq_cli.dash.widgets.look import Look
from rediq_cli.dash.widgets.notices import NO_QUEUES, Card
from rediq_cli.dash.widgets.table import Table
from rediq_cli.output.neutralise import safe
from rediq_core.model.state import TaskState
from rediq_core.model.views import WorkerView

# States by how likely somebody wants to see their tasks first.
_OPENED = (
    TaskState.PENDING,
    TaskState.ACTIVE,
    TaskState.RETRY,
    TaskState.DEAD,
    TaskState.DELAYED,
    TaskState.WAITING,
    TaskState.COMPLETED,
    TaskState.CANCELLED,
)
_SEVERITY_ROLES = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.NOTE: ""}


def _subject(found: Attention, look: Look) -> Line:
    symbol = look.glyph("▲", "^")
    if found.rule == "paused":
        symbol = look.glyph("‖", "=")
    elif found.severity is Severity.CRITICAL:
        symbol = look.glyph("✗", "x")
    role = _SEVERITY_ROLES[found.severity]
    return (Span(f"{symbol} ", role), Span(safe(found.subject, 40), role))


ATTENTION_COLUMNS: Sequence[Column[Attention]] = (
    Column("WHAT", _subject, 18),
    Column("WHY", lambda found, _: say(found.text), 20, grow=1),
    Column("", lambda _, look: Span(look.glyph("⏎", ">"), "dim"), 1, drop=5),
)


class ChartStrip(Bar):
    """The four charts in one line, for terminals that have no room for them.

    Attributes:
        charts: What is shown.
    """

    charts = Charts()
    has_unicode = True

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the line; trends give way before figures do."""
        del height
        for points in (8, 6, 4, 0):
            line = self._line(points)
            if sum(len(span.text) for span in line) <= width:
                return [line]
        return [self._line(0)]

    def _line(self, points: int) -> Line:
        charts = self.charts

        def part(name: str, text: str, series: Series, role: str) -> Line:
            trend = spark(series.values[-points * 4 :], points, has_unicode=self.has_unicode)
            return (Span(f"{name} ", "dim"), Span(text, "bold"), Span(f" {trend}".rstrip(), role))

        parts = [
            part("done/s", per_second(charts.done.now, is_compact=True), charts.done, "chart1"),
            part("p95", span_text(charts.p95.now), charts.p95, "chart2"),
            part("fail/s", per_second(charts.failed.now), charts.failed, "chart3"),
            part("backlog", short(charts.backlog.now or 0), charts.backlog, "chart4"),
        ]
        return (Span(" "), *joined(parts, "  "))


class Overview(QueueActs):
    """The first view."""

    name_of_view = ViewName.OVERVIEW
    BINDINGS = bindings(Scope.QUEUES)
    # What was shown last, to follow the cursor without drawing everything again.
    _scene: Scene | None = None

    def compose(self) -> ComposeResult:
        """Lay out charts, queues, attention and workers."""
        with Horizontal(id="charts"):
            for name in ("done", "latency", "failed", "backlog"):
                yield Chart(id=f"chart-{name}")
        yield ChartStrip(id="strip")
        yield Card(id="no-queues")
        yield Table(QUEUE_COLUMNS, lambda row: row.name, id="queues", has_marks=True)
        with Horizontal(id="below"):
            yield Table(
                ATTENTION_COLUMNS,
                lambda found: f"{found.rule}/{found.subject}",
                id="attention",
                has_header=False,
            )
            yield Table(SHORT_WORKER_COLUMNS, lambda worker: worker.id, id="few-workers")

    @property
    def queues(self) -> Table[QueueRow]:
        """The table of queues."""
        return self.query_one("#queues", Table)

    @property
    def attention(self) -> Table[Attention]:
        """The table of what needs attention."""
        return self.query_one("#attention", Table)

    @property
    def few_workers(self) -> Table[WorkerView]:
        """The small table of workers."""
        return self.query_one("#few-workers", Table)

    def focus_main(self) -> None:
        """Begin in the table of queues."""
        self.queues.focus()

    def demand(self, place: Place) -> Demand:
        """Need nothing besides what is always read."""
        del place
        return Demand(ViewName.OVERVIEW)

    def scopes(self) -> tuple[Scope, ...]:
        """Show the keys of queues, unless workers have the focus."""
        if self.few_workers.has_focus:
            return (Scope.TABLE, Scope.GLOBAL)
        return (Scope.QUEUES, Scope.TABLE, Scope.GLOBAL)

    def show(self, scene: Scene) -> None:
        """Show charts and tables."""
        snapshot, look = scene.snapshot, scene.look
        self._show_charts(scene)
        is_empty = snapshot.seq > 0 and not snapshot.queues
        self.queues.display = not is_empty
        card = self.query_one("#no-queues", Card)
        card.display = is_empty
        if is_empty:
            card.lines = NO_QUEUES
            card.redraw()
        self._show_queues(scene)
        found = snapshot.attention
        self.attention.title = _title("Needs attention", str(len(found)) if found else "", look)
        self.attention.empty = (Span("Nothing. All is well.", "good"),)
        self.attention.show(found, look)
        chosen = self.attention.cursor
        self.attention.note = say(chosen.fix, "accent") if chosen and chosen.fix else EMPTY
        self.attention.redraw()
        live = [worker for worker in snapshot.workers if worker.state not in ("lost", "stopped")]
        busy, slots = sum(w.busy for w in live), sum(w.concurrency for w in live)
        self.few_workers.title = (
            Span("Workers", "title"),
            Span(f" {len(live)}", "bold"),
            Span(f" · {of_all(busy, slots, 9)} busy", "dim"),
        )
        self.few_workers.empty = (Span("No live worker. Start one: rediq worker start", "warn"),)
        self.few_workers.show(live, look)

    def _show_queues(self, scene: Scene) -> None:
        self._scene = scene
        snapshot, filter_text = scene.snapshot, scene.place.filter
        rows = [row for row in snapshot.queues if matches(row, filter_text)]
        table = self.queues
        place = f" {table.position + 1}/{len(rows)}" if rows else ""
        order = "↓" if table.is_descending else "↑"
        parts = [
            (Span("Queues", "title"), Span(place)),
            (Span(f"marked {len(table.marks)}", "mark"),) if table.marks else EMPTY,
            (Span(f"sort {table.sort_title.lower()}{order}", "dim"),)
            if table.sort_title
            else EMPTY,
            (Span(f"filter {safe(filter_text, 40)}", "accent"),) if filter_text else EMPTY,
        ]
        table.title = joined(parts, " · ", "dim")
        table.note = (Span(f"{len(rows)} of {len(snapshot.queues)}", "dim"),)
        if filter_text:
            table.empty = (Span("No queue matches the filter. esc clears it.", "dim"),)
        else:
            table.empty = (Span("connecting…", "dim"),)
        table.show(rows, scene.look)

    def _show_charts(self, scene: Scene) -> None:
        charts = scene.snapshot.charts
        strip = self.query_one(ChartStrip)
        strip.charts, strip.has_unicode = charts, scene.look.has_unicode
        strip.redraw()
        if scene.width < 110:
            return
        rows = scene.snapshot.queues
        oldest = max((row.view.oldest_ms for row in rows if row.view.pending), default=0)
        self._chart(
            "done",
            (Span("done/s ", "title"), Span(per_second(charts.done.now)), _move(charts.done)),
            [Curve(charts.done.values, "chart1")],
            scene,
        )
        self._chart(
            "latency",
            (
                Span("run time ", "title"),
                Span(f"p95 {span_text(charts.p95.now)}"),
                _move(charts.p95),
            ),
            [
                Curve(charts.p50.values, "dim", "line"),
                Curve(charts.p95.values, "chart2", "line"),
            ],
            scene,
        )
        share = failed_share(charts)
        self._chart(
            "failed",
            (
                Span("failures/s ", "title"),
                Span(per_second(charts.failed.now)),
                Span(f" {percent(share)}" if share else "", "bad"),
            ),
            [Curve(charts.failed.values, "chart3", "bars")],
            scene,
        )
        age = f" {span_text(oldest)}" if oldest else ""
        self._chart(
            "backlog",
            (
                Span("backlog ", "title"),
                Span(number(charts.backlog.now or 0)),
                _move(charts.backlog),
                Span(age, "dim"),
            ),
            [Curve(charts.backlog.values, "chart4")],
            scene,
        )

    def _chart(self, name: str, title: Line, curves: list[Curve], scene: Scene) -> None:
        chart = self.query_one(f"#chart-{name}", Chart)
        chart.title, chart.curves = title, curves
        chart.range_names = (
            scene.snapshot.charts.range_name,
            half_name(scene.snapshot.charts.range_name),
        )
        chart.symbols = "braille" if scene.look.has_unicode else "ascii"
        chart.redraw()

    def targets(self) -> list[QueueRow]:
        """Return the marked queues, else the one under the cursor or that needs attention."""
        if self.attention.has_focus:
            subjects = {found.subject for found in self.meant(self.attention)}
            return [row for row in self.queues.rows if row.name in subjects]
        return self.meant(self.queues)

    def unmark(self) -> bool:
        """Take the marks away."""
        return self.queues.unmark()

    def step_back(self) -> bool:
        """Clear the marks."""
        return self.unmark()

    def on_table_opened(self, message: Table.Opened) -> None:
        """Go to the queue, or to what a finding is about."""
        message.stop()
        row = message.table.cursor
        if isinstance(row, QueueRow):
            self.post_message(self.Goto(Place(ViewName.TASKS, row.name, state_to_open(row))))
        elif isinstance(row, Attention):
            self.post_message(self.Goto(row.goto))
        elif isinstance(row, WorkerView):
            self.post_message(self.Goto(Place(ViewName.WORKERS)))

    def on_table_moved(self, message: Table.Moved) -> None:
        """Keep title and footer true; the rest of the view does not know of the cursor."""
        message.stop()
        if self._scene is not None and message.table is self.queues:
            self._show_queues(self._scene)
        self.post_message(self.Touched())


def state_to_open(row: QueueRow) -> TaskState:
    """Return the state whose tasks a person most likely wants to see first."""
    return next((state for state in _OPENED if row.count(state)), TaskState.PENDING)


def matches(row: QueueRow, text: str) -> bool:
    """Say whether a queue matches a filter: every word is in its name or its state.

    A word with `*` or `?` is a glob of the whole name; `!` turns a word round.
    """
    for word in text.lower().split():
        wanted = not word.startswith("!")
        bare = word.lstrip("!")
        name = row.name.lower()
        is_glob = "*" in bare or "?" in bare
        is_hit = fnmatchcase(name, bare) if is_glob else bare in name or bare in row.word.lower()
        if is_hit != wanted:
            return False
    return True


def _title(name: str, figure: str, look: Look) -> Line:
    del look
    return (Span(name, "title"), Span(f" {figure}" if figure else "", "warn"))


def _move(series: Series) -> Span:
    """Say how the latest value stands to the range before it."""
    known = [value for value in series.values if value is not None]
    if len(known) < 4 or series.now is None:
        return Span("")
    earlier = sum(known[: len(known) // 2]) / (len(known) // 2)
    if earlier <= 0:
        return Span("")
    change = series.now / earlier - 1
    if abs(change) < 0.02:
        return Span("")
    shown = f"{min(abs(change), 9.99) * 100:.0f}%"
    return Span(f" {'↑' if change > 0 else '↓'}{shown}", "dim")


def failed_share(charts: Charts) -> float | None:
    """Return the share of runs that failed just now."""
    done, failed = charts.done.now or 0.0, charts.failed.now or 0.0
    return failed / (done + failed) if done + failed > 0 else None


def half_name(range_name: str) -> str:
    """Return half of a range as it is written below a chart: "5m" → "2m30"."""
    seconds = RANGES[range_name] // 2_000
    if seconds < 60:
        return f"{seconds}s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}" if rest else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02}" if minutes else f"{hours}h"
    return f"{hours / 24:g}d"
