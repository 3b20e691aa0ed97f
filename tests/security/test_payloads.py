"""What comes as data stays data: never run, imported, quoted, or taken for markup."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import rediq_cli
from rediq_core import SyncClient, Task, TaskState
from rediq_core.errors import InvalidPayload, RediqError
from rediq_core.model.codec import decode
from tests.support.servers import Server, standalone
from tests.support.waiting import wait_until
from tests.support.workers import Worker, worker

CANARY = "4111-c4nary-1111"
PACKAGE = Path(rediq_cli.__file__).parent


class Exploit:
    """What pickle would run when it is read."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1/0",)


RUNNABLE = [
    *(pickle.dumps(Exploit(), protocol) for protocol in range(6)),
    b"!!python/object/apply:os.system ['id']",
    b"--- !ruby/object:Gem::Installer\ni: x\n",
    b"\x83\x00\x00\x00",  # marshal
    b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap",
    b"__import__('os').system('id')",
    b"{'single': 'quotes'}",
    b"NaN",
    b'{"a": Infinity}',
    b"\xff\xfe{\x00}\x00",
    b"[" * 100_000,
]


@pytest.mark.parametrize("payload", RUNNABLE, ids=range(len(RUNNABLE)))
def test_what_other_queues_would_run_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidPayload):
        decode(payload)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Server, Worker]]:
    """A server and a worker on it, which the tests here share."""
    with standalone() as server, worker(server.url, "--concurrency", "2") as started:
        wait_until(lambda: "is ready" in started.log, "ready", timeout_s=30)
        yield server, started


def test_a_type_is_looked_up_and_never_imported(running: tuple[Server, Worker]) -> None:
    server, started = running
    with SyncClient(server.url) as client:
        hostile = [client.enqueue(Task(kind, "id")) for kind in ("os:system", "this:s", "this")]
        assert client.result(client.enqueue(Task("sleep", 0.0)), timeout=20) == {"slept": 0.0}
        wait_until(lambda: all(client.get(i).is_held for i in hostile), "held", timeout_s=20)

        assert {client.get(i).state for i in hostile} == {TaskState.PENDING}
    # Python's own module `this` prints a poem when somebody imports it.
    assert "Beautiful is better than ugly" not in started.log
    assert started.process.poll() is None


def test_no_log_and_no_error_quotes_a_payload(running: tuple[Server, Worker]) -> None:
    server, started = running
    with SyncClient(server.url) as client, server.client() as raw:
        # A payload of the wrong form, one that is no JSON, and one that a handler chokes on.
        wrong = client.enqueue(Task("sleep", {"card": CANARY}))
        choked = client.enqueue(Task("thread", CANARY))
        wait_until(
            lambda: all(client.get(i).state is TaskState.DEAD for i in (wrong, choked)),
            "dead",
            timeout_s=20,
        )
        said = [entry.error + entry.traceback for entry in client.get(wrong).timeline]
        raw.set("rediq:{other}:tasks", CANARY)  # of a wrong type: every script refuses it
        with pytest.raises(RediqError) as refused:
            client.enqueue(Task("sleep", {"card": CANARY}, queue="other"))

    assert CANARY not in f"{said} {refused.value} {refused.value.__cause__!r}"
    assert CANARY not in started.log


def test_no_view_formats_data_into_markup() -> None:
    """Widgets that parse markup by default are told not to, wherever they are made."""
    for path in (PACKAGE / "dash").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            assert name != "from_markup", f"{path.name}:{node.lineno}"
            if name in ("Static", "Label", "notify"):
                words = {word.arg: ast.unparse(word.value) for word in node.keywords}
                is_text = not node.args or not isinstance(node.args[0], ast.JoinedStr)
                assert words.get("markup") == "False" or is_text, f"{path.name}:{node.lineno}"


def test_no_csv_is_offered() -> None:
    sources = [path.read_text() for path in PACKAGE.rglob("*.py")]

    assert not any("import csv" in text for text in sources)
    assert not any("]52;" in text for text in sources)
