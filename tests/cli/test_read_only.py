"""Read-only holds for the whole command tree: by flag, by profile, and by Redis itself.

Every command is in one of the two tables below, so a new one has to say what it is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from rediq_cli.session import actor
from rediq_cli.tree import NOUNS, load
from rediq_core.admin import Conduct, Role, acl_rules
from rediq_core.admin.acl import PASSWORD
from rediq_core.model.operations import BulkOrder
from rediq_core.model.schedule import Schedule
from rediq_core.model.task import Task
from rediq_core.model.where import parse_where
from tests.support.cli import Ended, run
from tests.support.desk import NAMESPACE, Desk, worker_row
from tests.support.servers import Server, standalone
from tests.support.waiting import wait_until
from tests.support.workers import worker

SECRET = "s3cret-for-tests"
LEAVES = {leaf.help.path for noun in NOUNS.values() for leaf in load(noun).leaves.values()}

# What each command that changes something is called with; ID is a dead task of queue payment,
# LATER a delayed one, WORKER a live worker, FILE a file of exported tasks, NEW a new file.
CHANGING = {
    "queue pause": "queue pause payment",
    "queue resume": "queue resume payment",
    "queue flush": "queue flush dead:payment",
    "queue limit": "queue limit payment --concurrency 3",
    "queue delete": "queue delete payment --confirm payment",
    "task enqueue": "task enqueue mail --queue payment",
    "task retry": "task retry ID",
    "task run": "task run LATER",
    "task reschedule": "task reschedule LATER --delay 5m",
    "task cancel": "task cancel LATER",
    "task delete": "task delete ID",
    "task restore": "task restore TRASHED",
    "task edit": "task edit ID --payload {}",
    "task import": "task import FILE --yes",
    "undo": "undo",
    "op resume": "op resume STOPPED",
    "schedule add": "schedule add nightly @daily mail --queue payment",
    "schedule run": "schedule run nightly",
    "schedule pause": "schedule pause nightly",
    "schedule resume": "schedule resume nightly",
    "schedule delete": "schedule delete nightly --yes",
    "group run": "group run payment/mail/daily",
    "worker start": "worker start tests.e2e.handlers_for_workers",
    "worker pause": "worker pause WORKER",
    "worker resume": "worker resume WORKER",
    "worker stop": "worker stop WORKER",
    "bench enqueue": "bench enqueue --tasks 1",
    "bench drain": "bench drain --tasks 1",
    "bench latency": "bench latency --tasks 1",
    "doctor --fix": "doctor --fix",
}
# These change files or the embedded server, and never the server in use.
LOCAL = {
    "demo": "demo",
    "redis start": "redis start",
    "redis stop": "redis stop",
    "config init": "config init NEW",
    "config set": "config set worker.concurrency 3 -c NEW",
}
READING = {
    "dash": "dash --once",
    "queue list": "queue list",
    "queue inspect": "queue inspect payment",
    "queue wait-empty": "queue wait-empty empty",
    "task list": "task list all",
    "task inspect": "task inspect ID",
    "task result": "task result DONE --timeout 1",
    "task export": "task export dead:payment",
    "task graph": "task graph ID",
    "failures": "failures",
    "why": "why payment",
    "events": "events",
    "doctor": "doctor",
    "check": "check payment --dead 100",
    "worker list": "worker list",
    "worker inspect": "worker inspect WORKER",
    "schedule list": "schedule list",
    "schedule inspect": "schedule inspect nightly",
    "schedule history": "schedule history nightly",
    "group list": "group list",
    "group inspect": "group inspect payment/mail/daily",
    "op list": "op list",
    "op inspect": "op inspect STOPPED",
    "audit": "audit",
    "stats": "stats",
    "metrics": "metrics",
    "redis status": "redis status",
    "config show": "config show",
    "config check": "config check",
    "config acl": "config acl",
}
# There is nothing of the kind in the desk's queues, or a fault is found: not a refusal.
FINE = (0, 3, 6)


def test_every_command_says_whether_it_changes_something() -> None:
    known = {*CHANGING, *LOCAL, *READING}

    assert LEAVES - known == set()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """A server with the users that `config acl` prints."""
    with standalone() as server, closing(server.client()) as client:
        for rule in acl_rules(NAMESPACE):
            client.execute_command(*rule.command.replace(PASSWORD, SECRET).split())
        yield server


class Place:
    """Queues with something in them, and what the tables' words stand for."""

    def __init__(self, server: Server, desk: Desk, folder: Path) -> None:
        self.server = server
        self.desk = desk
        self.folder = folder
        (self.dead,) = desk.dead("payment", 1)
        (self.done,) = desk.completed("payment", 1, type="mail")
        (self.later,) = desk.pending("payment", 1, delay="1h")
        desk.queue("payment").put(Task("mail", queue="payment", group="daily"))
        desk.queue("empty")
        desk.announce(worker_row(queues=("payment",)))
        nightly = Schedule.of("nightly", "@daily", Task("mail", queue="payment"))
        desk.admin.add_schedule(nightly, "ada@host")
        (self.trashed,) = desk.pending("payment", 1, delay="2h")
        self.undoable = desk.admin.move("delete", [self.trashed], by=actor()).operation
        desk.pending("other", 2)
        stop = threading.Event()
        stop.set()
        order = BulkOrder("cancel", "cancel", parse_where(["pending:other"]), "ada@host", "")
        self.stopped = desk.admin.operations.carry_out(order, Conduct(stop=stop)).operation
        (folder / "tasks.jsonl").write_text(json.dumps({"type": "mail", "queue": "payment"}) + "\n")
        self.before = desk.everything()

    def words(self, line: str) -> list[str]:
        names = {
            "ID": self.dead,
            "LATER": self.later,
            "DONE": self.done,
            "TRASHED": self.trashed,
            "STOPPED": self.stopped,
            "WORKER": "w-1-a",
            "FILE": str(self.folder / "tasks.jsonl"),
            "NEW": str(self.folder / "new.toml"),
        }
        return [names.get(word, word) for word in line.split()]

    def url(self, role: Role | None = None) -> str:
        login = f"{NAMESPACE}-{role}:{SECRET}@" if role else ""
        return self.server.url.replace("unix://", f"unix://{login}", 1)

    def run(self, line: str, *flags: str, url: str = "", **env: str) -> Ended:
        variables = {
            "REDIQ_URL": url or self.url(),
            "REDIQ_REDIS_NAMESPACE": NAMESPACE,
            "REDIQ_HOME": str(self.folder / "home"),
            **env,
        }
        return run(*flags, *self.words(line), env=variables, cwd=self.folder)

    def is_unchanged(self) -> bool:
        return self.desk.everything() == self.before


@pytest.fixture
def place(guarded: Server, tmp_path: Path) -> Iterator[Place]:
    with closing(guarded.client()) as client:
        client.flushall()
        with Desk(guarded.url, client) as desk:
            yield Place(guarded, desk, tmp_path)


def existing(table: dict[str, str]) -> list[str]:
    return [path for path in table if path in LEAVES or path == "doctor --fix"]


@pytest.mark.parametrize("path", existing({**CHANGING, **LOCAL}))
def test_the_flag_refuses_each_command_that_changes_something(path: str, place: Place) -> None:
    ended = place.run({**CHANGING, **LOCAL}[path], "--read-only")

    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("E016 ")
    assert place.is_unchanged()
    assert not (place.folder / "new.toml").exists()
    assert not (place.folder / "home").exists()


@pytest.mark.parametrize("path", existing(CHANGING))
def test_the_environment_and_a_profile_refuse_it_too(path: str, place: Place) -> None:
    (place.folder / "rediq.toml").write_text(
        f'[profiles.prod]\nurl = "{place.url()}"\nnamespace = "{NAMESPACE}"\nread_only = true\n'
    )

    for ended in (
        place.run(CHANGING[path], REDIQ_READ_ONLY="1"),
        place.run(CHANGING[path], "--profile", "prod"),
    ):
        assert (ended.code, ended.out) == (5, "")
        assert ended.err.startswith("E016 ")
    assert place.is_unchanged()


@pytest.mark.parametrize("path", existing(READING))
def test_each_command_that_reads_works_read_only_and_as_an_onlooker(
    path: str, place: Place
) -> None:
    flagged = place.run(READING[path], "--read-only")
    onlooking = place.run(READING[path], url=place.url(Role.READONLY))

    assert flagged.code in FINE, flagged.err
    assert onlooking.code == flagged.code, onlooking.err
    assert place.is_unchanged()


@pytest.mark.parametrize("path", [p for p in existing(CHANGING) if p != "worker start"])
def test_an_onlookers_password_changes_nothing_and_says_what_is_denied(
    path: str, place: Place
) -> None:
    if path == "doctor --fix":
        place.desk.client.zadd(place.desk.queue("payment").key("retry"), {"ghost": 1})
        place.before = place.desk.everything()

    ended = place.run(CHANGING[path], url=place.url(Role.READONLY))

    assert ended.code == 5, (ended.out, ended.err)
    assert "denies this user" in ended.err
    assert "rediq config acl" in ended.err
    assert place.is_unchanged()


def test_a_worker_with_an_onlookers_password_names_what_is_denied_and_changes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIQ_REDIS_NAMESPACE", NAMESPACE)
    monkeypatch.setenv("METRICS_ENABLED", "false")
    with worker(place.url(Role.READONLY)) as running:
        wait_until(lambda: "denies this user the command" in running.log, "it says so", 20)
        log = running.log

    assert SECRET not in log
    assert place.is_unchanged()


def test_a_protected_profile_asks_where_others_do_not(place: Place) -> None:
    (place.folder / "rediq.toml").write_text(
        f'[profiles.prod]\nurl = "{place.url()}"\nnamespace = "{NAMESPACE}"\nprotected = true\n'
    )

    ended = place.run("queue flush dead:payment", "--profile", "prod")
    confirmed = place.run("queue flush dead:payment --confirm payment", "--profile", "prod")

    assert (ended.code, ended.out) == (5, "")
    assert "--confirm payment" in ended.err
    assert confirmed.code == 0


def test_a_client_of_a_read_only_session_cannot_write(place: Place) -> None:
    client: redis.Redis = place.desk.client
    assert client.ping()
    ended = place.run("task enqueue mail --queue payment --json", "--read-only")

    assert (ended.code, ended.out) == (5, "")
