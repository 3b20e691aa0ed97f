"""The producer's side: enqueue tasks, look at them, wait for results, cancel them.

`Client` for asyncio and `SyncClient` for threads have the same verbs and share all logic that is
not waiting: they differ in how they send.
"""

from rediq_core.client.aio import Client
from rediq_core.client.sync import SyncClient

__all__ = ["Client", "SyncClient"]
