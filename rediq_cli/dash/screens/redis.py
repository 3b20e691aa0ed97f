"""Redis: is the server the problem? Its own figures, with a word on those that are not well."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from rediq_cli.dash.figures import bytes_text, number, percent, short, span_text
from rediq_cli.dash.keymap import Scope
from rediq_cli.dash.screens.view import Scene, View
from rediq_cli.dash.view_model import Demand, Place, Server, ViewName
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, say
from rediq_cli.dash.widgets.textview import TextView

Fact = tuple[str, str, str]
"""Name, text and role."""


class Redis(View):
    """The sixth view."""

    name_of_view = ViewName.REDIS
    wants_filter = False

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield TextView(id="redis")

    def focus_main(self) -> None:
        """Begin in the text."""
        self.query_one(TextView).focus()

    def demand(self, place: Place) -> Demand:
        """Need the server's figures every time."""
        del place
        return Demand(ViewName.REDIS)

    def scopes(self) -> tuple[Scope, ...]:
        """Show the keys of texts."""
        return (Scope.TEXT, Scope.GLOBAL)

    def show(self, scene: Scene) -> None:
        """Show the figures."""
        view = self.query_one(TextView)
        server = scene.snapshot.server
        view.title = (Span("Redis", "title"), *say(f" {server.version}"))
        view.note = (Span(f"round trip {span_text(server.rtt_ms)}", "dim"),)
        view.show(_lines(server, scene))


def _lines(server: Server, scene: Scene) -> list[Line]:
    problem = scene.snapshot.problems.get("redis")
    if problem:
        return [say(f" {problem}", "bad")]
    if not server.fields:
        return [(Span(" reading…", "dim"),)]
    groups: Sequence[tuple[str, list[Fact]]] = (
        ("Memory", _memory(server)),
        ("Load", _load(server)),
        ("Durability", _durability(server)),
        ("Replication", _replication(server)),
    )
    lines: list[Line] = []
    for name, found in groups:
        lines.append((Span(f" {name}", "head+bold"),))
        for label, text, role in found:
            lines.append((Span(f"   {label:<22}", "dim"), *say(text, role)))
        lines.append(EMPTY)
    lines.append((Span(" Largest queues", "head+bold"),))
    rows = sorted(scene.snapshot.queues, key=lambda row: -sum(row.view.counts.values()))
    for row in rows[:8]:
        total = sum(row.view.counts.values())
        lines.append((Span(f"   {number(total, 11):>11} tasks  ", "dim"), *say(row.name)))
    return lines


def _memory(server: Server) -> list[Fact]:
    used, limit = server.number("used_memory"), server.number("maxmemory")
    share, policy = server.memory_share, server.fields.get("maxmemory_policy", "?")
    fragmentation = server.number("mem_fragmentation_ratio")
    text = bytes_text(used)
    if limit:
        text += f" of {bytes_text(limit)} ({percent(share)})"
    is_evicting = policy != "noeviction" and limit > 0
    return [
        ("used", text, "bad" if share and share > 0.85 else ""),
        ("peak", bytes_text(server.number("used_memory_peak")), ""),
        (
            "policy",
            policy + (": may evict tasks" if is_evicting else ""),
            "bad" if is_evicting else "",
        ),
        (
            "evicted keys",
            number(server.number("evicted_keys")),
            "bad" if server.number("evicted_keys") else "",
        ),
        (
            "fragmentation",
            f"{fragmentation:.2f}",
            "warn" if fragmentation > 2 and used > 1e8 else "",
        ),
    ]


def _load(server: Server) -> list[Fact]:
    hits, misses = server.number("keyspace_hits"), server.number("keyspace_misses")
    rate = percent(hits / (hits + misses)) if hits + misses else "-"
    rejected = server.number("rejected_connections")
    return [
        ("commands a second", short(server.number("instantaneous_ops_per_sec")), ""),
        ("clients", number(server.number("connected_clients")), ""),
        ("blocked clients", number(server.number("blocked_clients")), ""),
        ("rejected connections", number(rejected), "bad" if rejected else ""),
        ("hit rate", rate, ""),
        (
            "network in, out",
            f"{server.number('instantaneous_input_kbps'):,.0f} and "
            f"{server.number('instantaneous_output_kbps'):,.0f} KB/s",
            "",
        ),
        ("up since", f"{span_text(server.number('uptime_in_seconds') * 1_000)}", ""),
    ]


def _durability(server: Server) -> list[Fact]:
    is_aof = server.fields.get("aof_enabled") == "1"
    saved = server.fields.get("rdb_last_bgsave_status", "?")
    changes = server.number("rdb_changes_since_last_save")
    aof = "on" if is_aof else "off: a crash loses what was written since the last save"
    return [
        ("append-only file", aof, "" if is_aof else "warn"),
        ("last save", saved, "" if saved == "ok" else "bad"),
        ("changes since", number(changes), ""),
    ]


def _replication(server: Server) -> list[Fact]:
    role = server.fields.get("role", "?")
    facts: list[Fact] = [("role", role, "warn" if role == "slave" else "")]
    if role == "slave":
        facts.append(("link to master", server.fields.get("master_link_status", "?"), ""))
    else:
        facts.append(("replicas", number(server.number("connected_slaves")), ""))
    return facts
