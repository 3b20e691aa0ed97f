"""Open an Admin: choose the server as clients do, or take the choice that was made.

The one place where the operator API meets URLs and configuration; what an Admin can do is told by
its class.
"""

from __future__ import annotations

from rediq_core.admin.operator import Admin
from rediq_core.config.server import ServerChoice
from rediq_core.opening import choose_for_library, open_reading, open_sync
from rediq_core.scripts.executor import SyncExecutor
from rediq_core.scripts.reading import ReadingExecutor


def connect(
    server: ServerChoice | str | None = None,
    *,
    namespace: str | None = None,
    connection_pool_size: int | None = None,
    is_read_only: bool = False,
) -> Admin:
    """Open an Admin, to be used in a with-block; its first call connects.

    Args:
        server: Which server: a choice that was made, a URL, or None to choose as clients do.
        namespace: Prefix of every key; None for what was chosen.
        connection_pool_size: Most connections; None for the configured number.
        is_read_only: Refuse everything that writes, whatever the choice says.

    Raises:
        ConfigError: The URL or the configuration cannot be used.
    """
    choice = server if isinstance(server, ServerChoice) else choose_for_library(server)
    is_reading = is_read_only or choice.is_read_only
    executor = (
        ReadingExecutor(open_reading(choice, pool_size=connection_pool_size))
        if is_reading
        else SyncExecutor(open_sync(choice, pool_size=connection_pool_size))
    )
    return Admin(
        executor,
        namespace or choice.namespace,
        deadline_s=choice.deadline_ms / 1000,
        is_read_only=is_reading,
    )
