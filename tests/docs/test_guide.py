"""The guide's shop is written out, type-checked, and run: workers, scripts, FastAPI, Django."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rediq_core import SyncClient
from tests.docs.blocks import ROOT, blocks
from tests.support.workers import Worker

BLOCKS = [block for block in blocks(ROOT / "docs" / "guide.md") if block.file]
SCRIPTS = [block.file for block in BLOCKS if block.file.startswith("scripts/")]
# What each script prints.
PRINTS = {
    "scripts/welcome.py": "<{id}@shop>",
    "scripts/many.py": "1000",
    "scripts/options.py": "True",
    "scripts/pipeline.py": "<{id}@shop>",
    "scripts/schedule.py": "nightly",
    "scripts/follow.py": "True",
}
FASTAPI = """
from fastapi.testclient import TestClient
from shop.web import app

with TestClient(app) as client:
    answer = client.post("/signup", json={"to": "ada@example.com"})
    assert answer.status_code == 202, answer.text
    print(answer.json()["task"])
"""
DJANGO = """
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    ALLOWED_HOSTS=["testserver"],
)
import django

django.setup()
import json

from django.test import RequestFactory
from shop.views import client, signup

answer = signup(RequestFactory().post("/signup", {"email": "ada@example.com"}))
assert answer.status_code == 202, answer
print(json.loads(answer.content)["task"])
client.close()
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    for block in BLOCKS:
        path = folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    return folder


def python(shop: Path, *words: str, url: str = "", code: int = 0) -> str:
    env = {**os.environ, "PYTHONPATH": f"{shop}:{ROOT}", **({"REDIQ_URL": url} if url else {})}
    run = subprocess.run(
        [sys.executable, *words], cwd=shop, env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == code, run.stdout + run.stderr
    return run.stdout.strip()


@pytest.fixture
def working(shop: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("METRICS_ENABLED", "false")
    config = str(shop / "config.toml")
    worker = Worker(
        redis_url, program=("rediq_cli", "worker", "start", "-c", config, "--url", redis_url)
    )
    yield redis_url
    worker.close()


def test_every_block_is_a_file_that_is_checked() -> None:
    nameless = [
        block.text
        for block in blocks(ROOT / "docs" / "guide.md")
        if block.language in ("python", "toml") and not block.file
    ]

    assert nameless == []
    assert sorted(SCRIPTS) == sorted(PRINTS)


@pytest.mark.slow
def test_the_shop_is_typed(shop: Path) -> None:
    # Django carries no types: what comes from it is not looked at.
    python(
        shop,
        *("-m", "mypy", "--strict", "--ignore-missing-imports"),
        *(f"--cache-dir={ROOT / '.mypy_cache' / 'guide'}", "--explicit-package-bases"),
        *("shop", "scripts"),
    )


@pytest.mark.slow
def test_every_script_prints_what_it_should(shop: Path, working: str) -> None:
    printed = {name: python(shop, name, url=working).splitlines() for name in SCRIPTS}

    for name, expected in PRINTS.items():
        last = printed[name][-1]
        if "{id}" in expected:
            before, after = expected.split("{id}")
            assert last.startswith(before), (name, last)
            assert last.endswith(after), (name, last)
        else:
            assert last == expected, (name, last)


@pytest.mark.slow
@pytest.mark.parametrize("program", [FASTAPI, DJANGO], ids=["fastapi", "django"])
def test_a_page_enqueues_what_a_worker_does(shop: Path, working: str, program: str) -> None:
    task_id = python(shop, "-c", program, url=working)

    with SyncClient(working) as client:
        assert client.result(task_id, timeout=20) == {"message_id": f"<{task_id}@shop>"}


@pytest.mark.slow
def test_the_configuration_is_checked(shop: Path) -> None:
    python(shop, "-m", "rediq_cli", "config", "check", "-c", "config.toml")
