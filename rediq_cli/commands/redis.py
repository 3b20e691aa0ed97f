"""`rediq redis`: the server in use, and the embedded one that can be started here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.output.json import Json
from rediq_cli.output.neutralise import safe
from rediq_cli.session import Session

if TYPE_CHECKING:
    from rediq_core.admin import Pulse
    from rediq_core.embedded import Running

GROUP = Group("redis")
# Slow commands that are shown to a person.
SHOWN_SLOW = 5

DataDir = Annotated[
    str | None,
    typer.Option(
        "--data-dir", metavar="DIR", help="its directory; else REDIQ_HOME/embedded, else your own"
    ),
]


@GROUP.leaf(
    "start",
    examples=[
        ("redis start", "start it, or find it running"),
        ("redis start --data-dir /srv/queue", ""),
        ("REDIQ_SERVER_BIN=/usr/bin/redis-server rediq redis start", ""),
    ],
)
def start(session: Session, data_dir: DataDir = None) -> None:
    """Start the embedded server.

    It keeps running, and every command finds it when no server is configured.
    """
    from rediq_core.embedded import ensure

    session.refuse_if_read_only()
    running = ensure(data_dir)
    session.out.one(
        lines=lambda: [
            f"{'started' if running.started else 'already running:'} {running.engine.label}"
            f" at {safe(running.url)} (pid {running.pid})",
            f"data in {safe(str(running.data_dir))}",
        ],
        record=lambda: _record(running),
        ids=[running.url],
    )


@GROUP.leaf(
    "stop",
    examples=[("redis stop", "its data stays; start finds it again")],
)
def stop(session: Session, data_dir: DataDir = None) -> None:
    """Stop the embedded server, its data written."""
    from rediq_core.embedded import status as embedded_status
    from rediq_core.embedded import stop as embedded_stop

    session.refuse_if_read_only()
    running = embedded_status(data_dir)
    was_running = embedded_stop(data_dir)
    text = "stopped" if was_running else "no embedded server is running"
    session.out.one(
        lines=lambda: [f"{text}: data in {safe(str(running.data_dir))}" if running else text],
        record=lambda: {"stopped": was_running, "url": running.url if running else None},
        ids=[running.url] if running else [],
    )


def _record(running: Running) -> Json:
    return {
        "url": running.url,
        "pid": running.pid,
        "started": running.started,
        "engine": running.engine.label,
        "data_dir": str(running.data_dir),
        "socket": str(running.socket_path),
    }


def _slow_records(pulse: Pulse) -> Json:
    if pulse.slow is None:
        return None
    return [
        {
            "command": command.name,
            "took_ms": round(command.took_ms, 2),
            "age_s": command.age_s,
            "client": command.client,
        }
        for command in pulse.slow
    ]


def _slow_lines(pulse: Pulse) -> list[str]:
    """Return what held the server up, slowest first."""
    from rediq_cli.output.humanise import count, duration

    if pulse.slow is None:
        return ["  slow commands: not shown, this user may not read SLOWLOG"]
    if not pulse.slow:
        return ["  no slow command in the last 5 min"]
    shown = [
        f"    {command.took_ms:,.0f} ms  {safe(command.name)}  by {safe(command.client)},"
        f" {duration(1_000 * command.age_s)} ago"
        for command in pulse.slow[:SHOWN_SLOW]
    ]
    left = len(pulse.slow) - len(shown)
    more = [f"    and {left:,} more: --json has them"] if left else []
    return [f"  {count(len(pulse.slow), 'slow command')} in the last 5 min:", *shown, *more]


@GROUP.leaf(
    "status",
    examples=[
        ("redis status", "the server in use: version, speed, memory, persistence"),
        ("redis status --json", "for scripts, with every slow command"),
    ],
)
def status(session: Session) -> None:
    """Show the server that commands use: does it suit a queue, is it slow?

    Round trips are timed from here. Slow commands are those that held the server for longer than
    its slowlog-log-slower-than, in the last 5 minutes.
    """
    from rediq_cli.output.humanise import duration, size

    info = session.admin.server_info()
    pulse = session.admin.pulse()
    maxmemory = int(info.get("maxmemory", 0))
    facts: dict[str, Json] = {
        "url": session.server.safe_url,
        "origin": session.server.origin,
        "engine": "valkey" if "valkey_version" in info else "redis",
        "version": info.get("valkey_version") or info.get("redis_version"),
        "used_memory_bytes": int(info.get("used_memory", 0)),
        "maxmemory_bytes": maxmemory,
        "maxmemory_policy": info.get("maxmemory_policy"),
        "aof": info.get("aof_enabled") == "1",
        "clients": int(info.get("connected_clients", 0)),
        "uptime_s": int(info.get("uptime_in_seconds", 0)),
        "commands_per_s": int(info.get("instantaneous_ops_per_sec", 0)),
        "round_trip_ms": round(pulse.median_ms, 2),
        "worst_round_trip_ms": round(pulse.worst_ms, 2),
        "slow_commands": _slow_records(pulse),
    }
    session.out.one(
        lines=lambda: [
            f"{safe(str(facts['url']))} ({safe(str(facts['origin']))})",
            f"  {facts['engine']} {safe(str(facts['version']))},"
            f" up {duration(1_000 * int(info.get('uptime_in_seconds', 0)))},"
            f" {facts['clients']} clients, {facts['commands_per_s']:,} commands/s",
            f"  answers in {pulse.median_ms:.1f} ms, in {pulse.worst_ms:.1f} ms at worst",
            *_slow_lines(pulse),
            f"  memory {size(int(info.get('used_memory', 0)))}"
            f"{f' of {size(maxmemory)}' if maxmemory else ', no limit'};"
            f" eviction {safe(str(facts['maxmemory_policy']))}",
            f"  append-only file {'on' if facts['aof'] else 'off: a crash loses tasks'}",
        ],
        record=lambda: facts,
        ids=[str(facts["url"])],
    )
    if facts["maxmemory_policy"] not in ("noeviction", None):
        session.say.warn(
            f"eviction policy {safe(str(facts['maxmemory_policy']))} can delete tasks;"
            " set maxmemory-policy noeviction"
        )
