"""From the command line to a running dashboard: what to read from, how to begin, one frame or all.

The only part that knows the session. It imports Textual, so it is imported by the body of the
command alone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from rediq_cli.dash.app import Dash
from rediq_cli.dash.hands import Hands, Reader
from rediq_cli.dash.options import DashOptions
from rediq_cli.dash.source import RedisSource, Source
from rediq_cli.dash.view_model import ViewName
from rediq_cli.dash.widgets.themes import THEMES
from rediq_cli.session import Session, actor
from rediq_core.admin import connect
from rediq_core.admin.meter import MeteredLink
from rediq_core.client import SyncClient
from rediq_core.errors import InvalidOption
from rediq_core.model.where import parse_where

# A reading that takes longer than this has failed, in ms.
DEADLINE_MS = 2_000
# Size of a frame that is not drawn on a terminal.
FRAME_SIZE = (120, 35)
# Seconds that `--once` waits for a first reading.
ONCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for.

    Attributes:
        where: Words of a WHERE that the tasks open with.
        interval_ms: Time between readings.
        is_once: Print one frame and leave.
        theme: Name of a theme, or "".
        view: Name of the first view, or "".
        has_mouse: Take the mouse.
        record: File that readings are written to, or None.
        replay: File that is played instead of a server, or None.
    """

    where: tuple[str, ...] = ()
    interval_ms: int = 1_000
    is_once: bool = False
    theme: str = ""
    view: str = ""
    has_mouse: bool = True
    record: Path | None = None
    replay: Path | None = None


def run_dash(session: Session, wanted: Wanted) -> None:
    """Open the dashboard and stay until it is left.

    Raises:
        InvalidOption: The view, the theme or the WHERE does not exist, or there is no terminal.
        RediqError: What kept a single frame from being read.
    """
    if wanted.record is not None and wanted.replay is not None:
        raise InvalidOption(
            "--record and --replay do not go together.",
            cause="What is played was recorded already.",
            next_step="Leave one of them out; a recording is copied as a file is.",
        )
    has_screen = sys.stdin.isatty() and sys.stdout.isatty()
    if not wanted.is_once and not has_screen:
        raise InvalidOption(
            "rediq dash needs a terminal.",
            cause="Input or output is not one.",
            next_step="For one frame: rediq dash --once     For figures: rediq queue list",
        )
    app = _replay(session, wanted.replay, wanted) if wanted.replay else _live(session, wanted)
    if wanted.is_once:
        size = _size()
        sys.stdout.write(asyncio.run(one_frame(app, size)) + "\n")
        trouble = app.snapshot.trouble
        if trouble is not None and trouble.error is not None:
            raise trouble.error  # a script must not take a frame of nothing for a good one
        return
    _run(app, has_mouse=wanted.has_mouse)


def _live(session: Session, wanted: Wanted) -> Dash:
    options = options_of(session, wanted)
    reader = Reader(connect(session.server, connection_pool_size=1, is_read_only=True))
    hands = None if options.is_read_only else _hands(session)
    if wanted.record is None:
        return Dash(_source(session), options, hands=hands, reader=reader)
    from rediq_cli.dash.record import Recorder, RecordingSource  # noqa: PLC0415 - start-up

    recorder = Recorder(
        wanted.record,
        label=options.label,
        profile=options.profile,
        secret_fields=options.secret_fields,
    )
    source = RecordingSource(_source(session), recorder)
    return Dash(source, replace(options, badge="REC"), hands=hands, reader=reader)


def _hands(session: Session) -> Hands:
    """Return what can change something, over connections of its own."""
    admin = connect(session.server, connection_pool_size=2)
    client = SyncClient(
        namespace=admin.access.namespace,
        executor=admin.access.executor,
        deadline=admin.access.deadline_s,
        max_payload=session.server.max_payload_bytes,
    )
    return Hands(admin, client, actor())


def _replay(session: Session, path: Path, wanted: Wanted) -> Dash:
    """Return a dashboard over a file; no configuration is read and no server is asked."""
    from rediq_cli.dash.recording import Recording  # noqa: PLC0415 - start-up
    from rediq_cli.dash.replay_app import ReplayDash  # noqa: PLC0415 - start-up

    return ReplayDash(Recording(path), _looks(session, wanted))


def _run(app: Dash, *, has_mouse: bool) -> None:
    # Textual takes any NO_COLOR for a wish, also an empty one; `has_colour` knows better.
    os.environ.pop("NO_COLOR", None)
    app.poller.start()  # it reads while Textual starts
    app.run(mouse=has_mouse)
    if app.return_code:
        sys.stdout.flush()
        raise SystemExit(app.return_code)


def options_of(session: Session, wanted: Wanted) -> DashOptions:
    """Return how the dashboard begins.

    Raises:
        InvalidOption: The view, the theme or the WHERE does not exist.
    """
    options, server = _looks(session, wanted), session.server
    return replace(
        options,
        label=server.safe_url,
        profile=server.profile,
        is_read_only=session.options.is_read_only or server.is_read_only,
        is_protected=server.is_protected,
        secret_fields=server.redact,
    )


def _looks(session: Session, wanted: Wanted) -> DashOptions:
    """Return what the command line alone decides."""
    view = _view(wanted)
    parse_where(wanted.where)
    if wanted.theme and wanted.theme not in _theme_names():
        raise InvalidOption(
            f"there is no theme {wanted.theme!r}.",
            cause=f"Themes: {', '.join(_theme_names())}.",
            next_step=_closest(wanted.theme, _theme_names()),
        )
    has_colour = session.options.has_color and not os.environ.get("NO_COLOR")
    return DashOptions(
        interval_s=wanted.interval_ms / 1_000,
        theme=wanted.theme,
        view=view,
        where=" ".join(wanted.where),
        has_mouse=wanted.has_mouse,
        has_colour=has_colour,
        has_unicode=session.out.terminal.has_unicode and os.environ.get("TERM") != "linux",
    )


def _view(wanted: Wanted) -> ViewName:
    if not wanted.view:
        return ViewName.TASKS if wanted.where else ViewName.OVERVIEW
    names = [view.value for view in ViewName]
    if wanted.view not in names:
        raise InvalidOption(
            f"there is no view {wanted.view!r}.",
            cause=f"Views: {', '.join(names)}.",
            next_step=_closest(wanted.view, names),
        )
    return ViewName(wanted.view)


def _closest(word: str, names: Sequence[str]) -> str:
    near = get_close_matches(word, names, n=1)
    return f"Did you mean {near[0]}?" if near else "Leave it out for the usual one."


def _theme_names() -> list[str]:
    from textual.theme import BUILTIN_THEMES  # noqa: PLC0415 - only to name them

    return [*(theme.name for theme in THEMES), *BUILTIN_THEMES]


def _source(session: Session) -> Source:
    server = replace(session.server, deadline_ms=DEADLINE_MS)
    admin = connect(server, connection_pool_size=2, is_read_only=True)
    executor = admin.access.executor
    link = MeteredLink.beside(executor.link)
    executor.link = link
    return RedisSource(admin, link.meter)


def _size() -> tuple[int, int]:
    """Return the size of a frame: the terminal's, COLUMNS and LINES, or the default."""
    try:
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        columns = lines = 0
    width = columns or _whole(os.environ.get("COLUMNS")) or FRAME_SIZE[0]
    height = lines or _whole(os.environ.get("LINES")) or FRAME_SIZE[1]
    return width, height


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


async def one_frame(app: Dash, size: tuple[int, int]) -> str:
    """Run a dashboard without a screen until it has read once, and return what it shows."""
    async with app.run_test(size=size) as pilot:
        deadline_s = asyncio.get_running_loop().time() + ONCE_S
        while app.snapshot.seq == 0 and app.snapshot.trouble is None:
            if asyncio.get_running_loop().time() > deadline_s:
                break
            await pilot.pause(0.05)
        await pilot.pause()
        return app.frame()
