"""A worker on a machine whose wall clock is wrong.

`python -m tests.faults.wrong_clock SECONDS URL`. Its task processes are forked, so they have the
same clock; the monotonic one is right, as on such a machine.
"""

from __future__ import annotations

import sys
import time


def main(seconds: str, url: str) -> None:
    """Shift the clock, then start the worker."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + float(seconds)  # type: ignore[assignment]
    time.time_ns = lambda: right_ns() + int(seconds) * 10**9  # type: ignore[assignment]
    sys.argv[1:] = ["worker", "start", "tests.e2e.handlers_for_workers", "--url", url]
    from rediq_cli import run as start

    start()


if __name__ == "__main__":
    main(*sys.argv[1:])
