"""What the lines around a view say: header, tabs, footer. Plain functions of one scene.

Which part gives way in a narrow terminal is the bars' business; here it is only what they say and
in which order of importance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rediq_cli.dash.figures import bytes_text, number, percent, short, span_text
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.screens.view import Scene
from rediq_cli.dash.view_model import Severity, Snapshot, Trouble, ViewName
from rediq_cli.dash.widgets.bars import Tab
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, joined, say
from rediq_cli.dash.widgets.task_text import clock_text
from rediq_core.model.state import TaskState

# Clocks that differ by more than this are worth saying, in ms.
SKEW_MS = 1_000
_NAMES = {
    ViewName.OVERVIEW: ("Overview", "Queues"),
    ViewName.TASKS: ("Tasks", "Tasks"),
    ViewName.WORKERS: ("Workers", "Wkrs"),
    ViewName.SCHEDULES: ("Schedules", "Cron"),
    ViewName.FAILURES: ("Failures", "Fail"),
    ViewName.REDIS: ("Redis", "Redis"),
    ViewName.EVENTS: ("Events", "Ev"),
}


class Pulse(NamedTuple):
    """How fresh what is shown is.

    Attributes:
        now_s: Time on the monotonic clock.
        interval_s: Seconds between readings.
        frozen: The snapshot that is held, or None.
        behind: Snapshots that came since.
        skew_ms: By how much this machine's clock differs from the server's.
        badge: A word before everything, such as "REPLAY", or "".
        replaying: How a recording plays, or "" when this is live.
    """

    now_s: float
    interval_s: float
    frozen: Snapshot | None = None
    behind: int = 0
    skew_ms: int = 0
    badge: str = ""
    replaying: str = ""


def header_left(
    scene: Scene, options: DashOptions, crumbs: Sequence[Line], pulse: Pulse
) -> list[Line]:
    """Return the parts of the header from the left, the least important last."""
    name: list[Line] = [(Span("rediq", "bold"),)]
    if pulse.badge:
        problem = scene.snapshot.problems.get("recording", "")
        name.append((Span(f" {problem or pulse.badge} ", "alarm" if problem else "badge"),))
    if options.profile:
        role = "alarm" if options.is_protected else "badge"
        edges = ("▏", "▕") if scene.look.has_unicode else ("[", "]")
        name.append((*say(f"{edges[0]}{options.profile}{edges[1]}", role),))
    snapshot = scene.snapshot
    if snapshot.trouble is not None and snapshot.seq:
        age = span_text((pulse.now_s - snapshot.taken_s) * 1_000)
        # Its age first: a long address gives way, not this.
        old = (Span(f"data is {age} old", "warn"),)
        return [joined([*name, old]), say(_address(options, scene))]
    if crumbs:
        return [joined([*name, crumbs[0]]), *crumbs[1:]]
    return [joined([*name, say(_address(options, scene))]), *_figures(snapshot)]


def _address(options: DashOptions, scene: Scene) -> str:
    if scene.width >= 110:
        return options.label
    return options.label.partition("://")[2].rpartition("@")[2] or options.label


def _figures(snapshot: Snapshot) -> list[Line]:
    server = snapshot.server
    if not server.fields:
        return []
    memory = f"mem {bytes_text(server.number('used_memory'))}"
    share = server.memory_share
    role = ""
    if share is not None:
        memory += f"/{bytes_text(server.number('maxmemory'))} {percent(share)}"
        role = "bad" if share > 0.85 else ""
    return [
        say(server.version, "dim"),
        (Span(memory, role or "dim"),),
        (
            Span(
                f"rtt {span_text(server.rtt_ms)}"
                if server.rtt_ms >= 1
                else f"rtt {server.rtt_ms:.1f}ms",
                "warn" if server.rtt_ms > 100 else "dim",
            ),
        ),
        (Span(f"{short(server.number('instantaneous_ops_per_sec'))} ops/s", "dim"),),
    ]


def header_right(scene: Scene, pulse: Pulse) -> Line:
    """Return the state of the connection and the time."""
    snapshot = scene.snapshot
    if pulse.replaying:
        return (Span(pulse.replaying, "accent"), Span(f"  {clock_text(snapshot.at_ms)}"))
    if snapshot.trouble is not None:
        return _trouble(snapshot.trouble, pulse, scene)
    if not snapshot.seq:
        return (Span("connecting…", "warn"),)
    parts: list[Line] = []
    if pulse.skew_ms > SKEW_MS:
        parts.append((Span(f"clock skew {span_text(pulse.skew_ms)}", "warn"),))
    if scene.width >= 100:
        cost = f"{number(snapshot.commands)} cmds {snapshot.took_ms:.0f}ms"
        parts.append((Span(cost, "dim"),))
    sign = scene.look.glyph
    if pulse.frozen is not None:
        text = f"{sign('‖', '=')} frozen {clock_text(pulse.frozen.at_ms)}, {pulse.behind} behind"
        return joined([*parts, (Span(text, "warn+bold"),)], "  ")
    if snapshot.took_ms > pulse.interval_s * 1_000:
        parts.append((Span(f"{sign('▲', '^')} poll {span_text(snapshot.took_ms)}", "warn"),))
    else:
        parts.append((Span(sign("●", "*"), "good"), Span(f" live {_seconds(pulse.interval_s)}")))
    passed_ms = int((pulse.now_s - snapshot.taken_s) * 1_000)
    parts.append((Span(clock_text(snapshot.at_ms + max(passed_ms, 0))),))
    return joined(parts, "  " if scene.width >= 100 else " ")


def _seconds(seconds: float) -> str:
    return f"{seconds:g}s"


def _trouble(trouble: Trouble, pulse: Pulse, scene: Scene) -> Line:
    wait_s = max(trouble.retry_at_s - pulse.now_s, 0.0)
    word = "REFUSED" if trouble.is_refusal else "RECONNECTING"
    sign = scene.look.glyph("✗", "x")
    return (Span(f" {sign} {word} {trouble.tries} in {wait_s:.1f}s ", "alarm"),)


def view_tabs(scene: Scene) -> list[Tab]:
    """Return the tabs of the views, with what is worth a look in them."""
    tabs = []
    for at, view in enumerate(ViewName, 1):
        name, short_name = _NAMES[view]
        is_current = scene.place.view is view
        text = f"{at} {name}"
        short_text = f"{at}]{short_name}" if is_current else f"{at}{short_name}"
        badge, role = _badge(view, scene.snapshot)
        tabs.append(Tab(view.value, text, short_text.replace("]", " "), badge, role))
    return tabs


def _badge(view: ViewName, snapshot: Snapshot) -> tuple[str, str]:
    if view is ViewName.FAILURES:
        failed = snapshot.total(TaskState.DEAD) + snapshot.total(TaskState.RETRY)
        return (f"·{short(failed)}", "bad") if failed else ("", "")
    if view is ViewName.OVERVIEW:
        urgent = sum(found.severity >= Severity.WARNING for found in snapshot.attention)
        is_critical = any(found.severity is Severity.CRITICAL for found in snapshot.attention)
        return (f"·{urgent}", "bad" if is_critical else "warn") if urgent else ("", "")
    return "", ""


def tabs_right(scene: Scene, options: DashOptions) -> Line:
    """Return the range and what may be done here."""
    mode = (Span(" · ", "dim"), Span("read-only", "warn")) if options.is_read_only else EMPTY
    name = scene.snapshot.charts.range_name
    text = f"range {name}" if scene.width >= 110 else name
    return (Span(text, "dim"), *mode)
