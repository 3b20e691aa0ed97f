"""How much memory a process has, as the system tells: for limits and for people.

Resident pages, those shared with a parent too, so the first figures of a forked process are not
its own doing. Where the system does not tell (no /proc), it is 0, which no limit reaches.
"""

from __future__ import annotations

import os
from pathlib import Path


def rss_of(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 if it is gone or nobody knows."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_bytes().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
