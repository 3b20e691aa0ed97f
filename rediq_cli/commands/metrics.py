"""`rediq metrics`: numbers for Prometheus without a worker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.leaf import Group
from rediq_cli.session import Session

if TYPE_CHECKING:
    from rediq_core.config.settings import MetricsSettings

GROUP = Group("metrics", is_single=True)


@GROUP.leaf(
    "metrics",
    examples=[
        ("metrics", "what all queues hold and count, once"),
        ("metrics --serve --port 9191", "for Prometheus to scrape"),
    ],
)
def metrics(
    session: Session,
    serve: Annotated[
        bool, typer.Option("--serve", help="serve /metrics, /health and /scale until stopped")
    ] = False,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="listen here (127.0.0.1)")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=0, max=65_535, help="and here (9090); 0 is any"),
    ] = None,
) -> None:
    """Print what all queues hold and count, in the text format of Prometheus.

    A worker serves the same names with types and errors; scrape workers, or this, not both.
    """
    from rediq_core.admin.scraping import exposition

    if not serve:
        text = exposition(session.admin.access).decode()
        from rediq_cli.output.metrics import sample_records
        from rediq_cli.output.neutralise import safe_lines

        session.out.one(
            lines=lambda: safe_lines(text.rstrip("\n")),
            record=lambda: sample_records(text),
            ids=[],
        )
        return
    import asyncio

    from rediq_core.admin.scraping import serve_queues

    settings = _settings(session, host, port)

    def on_listening(at: int) -> None:
        session.say.note(f"Serving http://{settings.host}:{at}/metrics and /health, /scale.")

    asyncio.run(serve_queues(session.admin.access, settings.host, settings.port, on_listening))


def _settings(session: Session, host: str | None, port: int | None) -> MetricsSettings:
    from rediq_core.config.loader import load_settings

    flags: dict[str, object] = {"metrics.host": host, "metrics.port": port}
    overrides = {name: value for name, value in flags.items() if value is not None}
    loaded = load_settings(session.config_path, os.environ, overrides, Path.cwd())
    return loaded.settings.metrics
