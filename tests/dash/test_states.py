"""What is shown when things are not as usual: gone, long, binary, secret, skewed, themed."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from textual.app import ComposeResult

from rediq_cli.dash.app import Dash
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.screens import VIEWS
from rediq_cli.dash.screens.overview import state_to_open
from rediq_cli.dash.screens.view import View
from rediq_cli.dash.view_model import Demand, Place, Snapshot, TaskDetail, TaskList, ViewName
from rediq_cli.dash.widgets.look import Look
from rediq_cli.dash.widgets.task_text import payload, raw_bytes
from rediq_cli.dash.widgets.themes import THEMES
from rediq_core.model.state import TaskState
from rediq_core.model.views import TaskView
from tests.dash.scenes import AT_MS, PLAIN, SceneSource, places, queues, task
from tests.dash.screenshots import svg_of
from tests.dash.stage import go, on_stage
from tests.support.clock import ManualClock


class Moving(SceneSource):
    """A scene whose tasks can leave, one after the other."""

    def __init__(self) -> None:
        super().__init__("normal")
        self.gone: dict[str, TaskView | None] = {}

    def read(self, demand: Demand) -> Snapshot:
        snapshot = super().read(demand)
        assert snapshot.tasks is not None
        left = tuple(row for row in snapshot.tasks.tasks if row.id not in self.gone)
        detail = snapshot.detail
        if demand.task_id in self.gone:
            detail = TaskDetail(demand.task_id, self.gone[demand.task_id])
        return replace(snapshot, tasks=TaskList(demand, left, total=len(left)), detail=detail)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (replace(task(PLAIN, 1, TaskState.DEAD), state=TaskState.PENDING), "it is pending"),
        (None, "This task is gone"),
    ],
)
async def test_a_task_that_leaves_stays_readable_and_says_so(
    now: TaskView | None, told: str
) -> None:
    source = Moving()
    app = Dash(source, DashOptions(), clock=ManualClock(AT_MS))
    async with app.run_test(size=(120, 35)) as pilot:
        place = places("normal")["task"]
        await go(app, pilot, place)
        source.gone[place.task_id] = now
        app.poller.hurry()
        seq = app.snapshot.seq
        while app.snapshot.seq <= seq + 1:
            app.poller.hurry()
            await pilot.pause(0.01)
        await pilot.pause()

        assert app.place.task_id == place.task_id
        assert told in app.frame()
        assert '"order": "A-10291"' in app.frame()


def shown(view: TaskView, *, has_secrets: bool = False) -> str:
    lines = payload(view, Look(AT_MS), has_secrets=has_secrets)
    return "\n".join("".join(span.text for span in line) for line in lines)


def test_a_long_payload_is_shown_in_part_and_says_so() -> None:
    long = replace(task(PLAIN, 1, TaskState.DEAD), payload_json=b'"' + b"x" * 3_000_000 + b'"')
    text = shown(long)
    assert "showing 64K of 2.9M" in text
    assert len(text) < 70_000


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"\x1f\x8b\x08\x00\xff\xfe", "gzip"),
        (b"\x80\x04\x95\xff\xfe.", "pickle, not decoded"),
        (b"\xff\xfe\x00", "not JSON"),
    ],
)
def test_a_binary_payload_is_bytes_with_a_name_and_is_never_decoded(raw: bytes, told: str) -> None:
    text = shown(replace(task(PLAIN, 1, TaskState.DEAD), payload_json=raw))
    assert told in text
    assert raw[:2].hex(" ") in text
    assert raw_bytes(b"") != []


def test_a_payload_nested_deeper_than_anything_is_not_followed() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert shown(replace(task(PLAIN, 1, TaskState.DEAD), payload_json=deep))


async def test_secrets_are_hidden_until_they_are_asked_for() -> None:
    async with on_stage("normal", (120, 35)) as (app, pilot):
        await go(app, pilot, places("normal")["task"])
        hidden = app.frame()
        await pilot.press("tab", "v")
        await pilot.pause()
        asked = app.frame()
    assert '"token": "***"' in hidden
    assert '"token": "x"' in asked


def test_an_impossible_instant_breaks_nothing() -> None:
    absurd = replace(task(PLAIN, 1, TaskState.DEAD), enqueued_ms=10**18, since_ms=-(10**18))
    assert shown(absurd)


async def test_a_clock_that_differs_from_the_servers_is_said() -> None:
    app = Dash(SceneSource("normal"), DashOptions(), clock=ManualClock(AT_MS + 90_000))
    async with app.run_test(size=(120, 35)) as pilot:
        while not app.snapshot.seq:
            await pilot.pause(0.01)
        await pilot.pause()
        assert "clock skew 1m30s" in app.frame()


async def test_before_the_first_reading_the_layout_stands_and_says_what_it_waits_for() -> None:
    class Slow(SceneSource):
        def read(self, demand: Demand) -> Snapshot:
            started.wait(5)
            return super().read(demand)

    from threading import Event

    started = Event()
    app = Dash(Slow("normal"), DashOptions(label="redis://there:6379/0"))
    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.pause()
        frame = app.frame()
        started.set()
    assert "connecting…" in frame
    assert "QUEUE" in frame
    assert "there:6379" in frame


NAMES = [*(theme.name for theme in THEMES), "ansi-dark", "ansi-light"]


@pytest.mark.parametrize(
    "theme",
    [name if n < 2 else pytest.param(name, marks=pytest.mark.slow) for n, name in enumerate(NAMES)],
)
async def test_every_theme_tells_states_by_symbol_and_word(theme: str) -> None:
    async with on_stage("normal", (80, 24), theme=theme) as (app, pilot):
        await go(app, pilot, places("normal")["overview"])
        frame, picture = app.frame(), svg_of(app)
    for state in ("▲ behind", "● run", "‖ paused", "○ idle", "✗ no wkr"):
        assert state in frame
    if theme.startswith("ansi"):
        return  # the terminal's own colours, which have no value here
    colours = set(re.findall(r'fill="(#\w+)"', picture))
    greys = {colour for colour in colours if len({colour[1:3], colour[3:5], colour[5:7]}) == 1}
    assert (colours == greys) is (theme == "mono")


async def test_a_terminal_without_unicode_gets_ascii() -> None:
    async with on_stage("normal", (120, 35), has_unicode=False) as (app, pilot):
        await go(app, pilot, places("normal")["overview"])
        frame = app.frame()
    assert "^ behind" in frame
    assert "= paused" in frame
    assert re.search("[⠀-⣿▁-█●‖✗▲]", frame) is None


@pytest.mark.parametrize("colour", [True, False])
async def test_the_cursor_can_be_seen_without_colour(*, colour: bool) -> None:
    async with on_stage("normal", (80, 24), has_colour=colour) as (app, _):
        style = app.palette.style("cursor")
    assert style.reverse is (None if colour else True)


def test_a_queue_opens_where_its_tasks_are() -> None:
    row = queues(PLAIN)[3]
    assert state_to_open(row) is TaskState.PENDING
    counts = {**row.view.counts, TaskState.DELAYED: 3, TaskState.CANCELLED: 9}
    assert state_to_open(replace(row, view=replace(row.view, counts=counts))) is TaskState.DELAYED


async def test_the_size_card_stands_alone_and_lets_go() -> None:
    async with on_stage("normal", (59, 11)) as (app, pilot):
        await pilot.press("question_mark", "colon", "ctrl+p", "down", "pageup")
        frame = app.frame()
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        after = app.frame()
    assert frame.split("\n")[:4] == [
        "Terminal 59x11",
        "rediq dash needs 60x12",
        "`rediq queue list` works here",
        "q quit",
    ]
    assert "Queues" in after


def test_json_of_control_characters_is_shown_escaped() -> None:
    raw = json.dumps({"note": "\x1b]0;x\x07"}).encode()
    text = shown(replace(task(PLAIN, 1, TaskState.DEAD), payload_json=raw))
    assert "\x1b" not in text
    assert "2 control characters as symbols" in text


@pytest.mark.parametrize("name", [name for name in ViewName if name is not ViewName.OVERVIEW])
async def test_the_clock_ticks_while_a_view_is_laid_out(
    monkeypatch: pytest.MonkeyPatch, name: ViewName
) -> None:
    compose, ticks = VIEWS[name].compose, []
    async with on_stage("normal", (120, 35)) as (app, pilot):

        def composing(view: View) -> ComposeResult:
            app.snapshot = replace(app.snapshot, taken_s=-10.0)
            ticks.append(app._tick())
            yield from compose(view)

        monkeypatch.setattr(VIEWS[name], "compose", composing)
        await go(app, pilot, Place(name))
        assert app.view is not None
    assert ticks == [None]
