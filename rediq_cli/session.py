"""One command's way to the server: which one, under what name, and with what permission.

Everything is found on first use, so a command that needs no server asks for none. Says on stderr
when nothing was configured and it fell back. Owned by one command; leaving the with-block closes
the connections.
"""

from __future__ import annotations

import getpass
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rediq_cli.diagnostics import DIAGNOSTICS, Diagnostics
from rediq_cli.importing import importing
from rediq_cli.options import GlobalOptions
from rediq_cli.output.terminal import terminal_of
from rediq_cli.output.writer import Output
from rediq_core.errors import RedisUnavailable, Refused

if TYPE_CHECKING:
    from rediq_core.admin import Admin
    from rediq_core.client import SyncClient
    from rediq_core.config.server import ServerChoice


class Session:
    """What a command has besides its own arguments.

    Attributes:
        options: The global options.
        out: Where results go.
        say: Where talk goes.
    """

    def __init__(self, options: GlobalOptions) -> None:
        self.options = options
        self.out = Output(options.output, terminal_of(sys.stdout, no_color=not options.has_color))
        self.say: Diagnostics = DIAGNOSTICS

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        admin = self.__dict__.pop("admin", None)
        if admin is not None:
            admin.close()
        if isinstance(exc, RedisUnavailable) and "server" in self.__dict__:
            _say_where_from(exc, self.server)

    @property
    def command(self) -> list[str]:
        """Return the words this command was called with, secrets hidden."""
        from rediq_core.config.redact import redact_text  # noqa: PLC0415 - start-up: only for errors

        return ["rediq", *(redact_text(word) for word in sys.argv[1:])]

    @property
    def config_path(self) -> Path | None:
        """Return the file of -c, or None."""
        return Path(self.options.config) if self.options.config else None

    @cached_property
    def server(self) -> ServerChoice:
        """Decide which server to use; costs no round trip."""
        from rediq_core.config.quick import resolve_server  # noqa: PLC0415 - start-up
        from rediq_core.embedded import running_url  # noqa: PLC0415 - start-up

        choice = resolve_server(
            self.options.url,
            os.environ,
            self.config_path,
            Path.cwd(),
            profile=self.options.profile or "",
            find_embedded=running_url,
        )
        for warning in choice.warnings:
            self.say.warn(warning)
        if choice.is_fallback:
            self.say.note(f"Nothing is configured; using {choice.safe_url} ({choice.origin}).")
        return choice

    @cached_property
    def admin(self) -> Admin:
        """Open what reads and changes queues; its first call connects."""
        with _without_telemetry(), importing():
            from rediq_core.admin import connect  # noqa: PLC0415 - start-up

        return connect(self.server, is_read_only=self.options.is_read_only)

    @cached_property
    def client(self) -> SyncClient:
        """Return a client over the same connections; closed with them."""
        from rediq_core.client import SyncClient  # noqa: PLC0415 - start-up

        access = self.admin.access
        return SyncClient(
            namespace=access.namespace,
            executor=access.executor,
            deadline=access.deadline_s,
            max_payload=self.server.max_payload_bytes,
        )

    def refuse_if_read_only(self) -> None:
        """Refuse to go on if --read-only or the environment forbids changes.

        Raises:
            Refused: They do.
        """
        if self.options.is_read_only:
            raise Refused(
                "this command changes something, and --read-only was given.",
                next_step="Leave out --read-only, and unset REDIQ_READ_ONLY.",
            )

    def refuse_if_read_only_server(self, server: ServerChoice | None = None) -> None:
        """Refuse to go on if anything forbids changes on the server in use.

        Args:
            server: The server, where the command has chosen it by itself; None for `server`.

        Raises:
            Refused: By --read-only, the environment, the configuration or the profile.
        """
        self.refuse_if_read_only()
        if (server or self.server).is_read_only:
            raise Refused(
                "this command changes something, and this server is read-only.",
                cause="[safety] read_only or the profile says so.",
                next_step="Use another profile: --profile NAME",
            )


def _say_where_from(error: RedisUnavailable, server: ServerChoice) -> None:
    """Tell of a server that is not there who named it, if the error does not say why it is not."""
    if error.cause or error.ambiguous:
        return
    if server.origin == "default":
        error.cause = (
            "Nothing is configured, and no embedded server is running, so I tried the default."
        )
    else:
        error.cause = f"The URL is from: {server.origin}."
        error.next_step = "Start it, or name another one: --url URL, REDIQ_URL, [redis] url"


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Let redis-py be imported without OpenTelemetry, which it loads wherever it is installed.

    A third of its import time, for metrics that no command asks for. Workers, whose handlers may
    ask for them, do not come here.
    """
    name = "opentelemetry"
    if name in sys.modules:
        yield
        return
    # None makes an import fail as if it were not there.
    sys.modules[name] = None  # type: ignore[assignment]  # the import system's own convention
    try:
        yield
    finally:
        del sys.modules[name]


def actor() -> str:
    """Return who acts, for the audit: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no entry for this uid, as in many containers
        user = str(os.getuid())
    return f"{user}@{platform.node()}"
