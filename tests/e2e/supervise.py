"""A supervisor with patience that no configuration offers, for tests of the watchdog.

python -m tests.e2e.supervise URL WEDGED_MS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from rediq_core.worker import Supervisor, set_up_logging
from rediq_core.worker.plan import HandlerModule
from tests.support.duty import plan_for

ROOT = Path(__file__).resolve().parents[2]


def main(url: str, wedged_ms: str) -> int:
    set_up_logging("info", "json")
    plan = plan_for(url, ["default"], namespace="rediq", wedged_ms=int(wedged_ms))
    modules = {"default": (HandlerModule("tests.e2e.handlers_for_workers", "a test"),)}
    return Supervisor(replace(plan, modules=modules, root=ROOT)).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
