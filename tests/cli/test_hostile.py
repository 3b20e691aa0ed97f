"""Whatever stands in Redis, no byte of it acts on the terminal of who looks at it.

Somebody who can write to Redis has put every control, escape, bidirectional and invisible character
into every text that is shown: names, types, payloads, errors, workers, notes.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from rediq_cli.output.progress import CLEAR_LINE
from rediq_core.admin import Admin, Conduct
from rediq_core.keys import global_key
from rediq_core.model.header import escape_key
from rediq_core.model.operations import BulkOrder
from rediq_core.model.schedule import Schedule
from rediq_core.model.task import Task
from rediq_core.model.where import parse_where
from tests.cli.test_read_only import LEAVES, READING
from tests.support.cli import Ended, in_terminal, run
from tests.support.desk import NAMESPACE, Desk, worker_row
from tests.support.rig import completed, died
from tests.support.servers import Server, standalone

INVISIBLE = (
    *(0x00AD, 0x061C, 0x180E, 0xFEFF),
    *(*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070)),
    *(*range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)),
)
CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
EVERYTHING = "".join(map(chr, (*CONTROLS, *INVISIBLE)))
# A title, a cleared screen, a right-to-left override, a colour, a bell, a hyperlink, markup.
ATTACK = (
    "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\x1b[31m\x9b31m\x1b]8;;http://evil\x1b\\[/foo][bold]|;\r\n"
)
HOSTILE = ATTACK + EVERYTHING
# As a member of JSON that Rediq wrote, and as a part of a header: neither holds line ends or bars.
IN_HEADER = HOSTILE.replace("\n", "").replace("|", "")
OWN_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
ALLOWED_CONTROLS = b"\r\n\t"


def stains(screen: bytes) -> set[str]:
    """Return the characters that could act on a terminal; our colours and progress are none."""
    text = OWN_COLOUR.sub(b"", screen.replace(CLEAR_LINE.encode(), b"")).decode(
        "utf-8", "backslashreplace"
    )
    bad = set(map(chr, (*CONTROLS, *INVISIBLE))) - set(ALLOWED_CONTROLS.decode())
    return {f"U+{ord(char):04X}" for char in text if char in bad}


def plant(desk: Desk) -> dict[str, str]:
    """Fill queues with hostile texts; return what the commands' words stand for."""
    client, rig = desk.client, desk.queue("payment")
    rig.put(Task("mail", {HOSTILE: [HOSTILE]}, queue="payment", extra={HOSTILE: HOSTILE}))
    worker = rig.worker()
    (first,) = worker.claim(1)
    spoken = json.dumps(HOSTILE)
    line = died(first).line[:-2] + f',"e":{spoken},"m":{spoken},"b":{spoken},"p":"f1"}}\n'
    worker.settle(died(first)._replace(line=line, failure=f"f1|{IN_HEADER}"))
    rig.put(Task("mail", id="done", queue="payment"))
    (done,) = worker.claim(1)
    worker.settle(completed(done, result=json.dumps({HOSTILE: HOSTILE})))
    (running,) = desk.active("payment", 1)
    client.hset(rig.key("progress"), running.id, f"40|{rig.now_ms}|{HOSTILE}".encode())
    desk.admin.move("cancel", [running.id], by=HOSTILE, reason=HOSTILE)
    (later,) = desk.pending("payment", 1, delay="1h")
    desk.admin.move("retry", [first.id], by=HOSTILE, reason=HOSTILE)
    stopped = plant_operations(desk)
    plant_schedules(desk)
    plant_groups(desk)
    desk.admin.pause("payment", HOSTILE, HOSTILE)
    client.hset(rig.key("policy"), "max_len", HOSTILE.encode())
    client.xadd(rig.key("events"), {b"kind": HOSTILE.encode(), b"id": HOSTILE.encode()})
    client.xadd(rig.key("audit"), {b"verb": HOSTILE.encode(), b"by": HOSTILE.encode()})
    stored = f"1|50|1|0|0||{IN_HEADER}|{escape_key(IN_HEADER)}|{IN_HEADER}|\n{HOSTILE}"
    client.hset(rig.key("tasks"), IN_HEADER.encode(), stored.encode())
    client.zadd(rig.key("dead"), {IN_HEADER.encode(): rig.now_ms})
    client.hset(rig.key("runs"), IN_HEADER.encode(), HOSTILE.encode())
    client.zadd(rig.key("held"), {f"{IN_HEADER}>{first.id}".encode(): 0})
    client.zadd(rig.key("retry"), {HOSTILE.encode(): 1})
    client.sadd(global_key(NAMESPACE, "queues"), b"evil" + HOSTILE.encode())
    desk.queue("empty")
    texts = {"host": HOSTILE, "note": HOSTILE, "version": HOSTILE, "queues": (HOSTILE, "payment")}
    running_row = ({"id": HOSTILE, "queue": HOSTILE, "type": HOSTILE, "running_ms": 5},)
    desk.announce(worker_row("w-1-a", types=(HOSTILE,), running=running_row, **texts))
    desk.announce(worker_row("w-2" + HOSTILE, **texts), age_ms=60_000)
    return {
        "ID": first.id,
        "DONE": "done",
        "WORKER": "w-1-a",
        "LATER": later,
        "STOPPED": stopped,
    }


def plant_operations(desk: Desk) -> str:
    stop = threading.Event()
    stop.set()
    order = BulkOrder("cancel", "cancel", parse_where(["delayed:payment"]), HOSTILE, HOSTILE)
    stopped = desk.admin.operations.carry_out(order, Conduct(stop=stop)).operation
    key = global_key(NAMESPACE, "op", stopped)
    evil = "op-" + IN_HEADER
    row = {
        field: HOSTILE.encode() if field in (b"verb", b"by", b"queues") else value
        for field, value in desk.client.hgetall(key).items()
    }
    desk.client.hset(global_key(NAMESPACE, "op", evil), mapping=row)
    desk.client.zadd(global_key(NAMESPACE, "ops"), {evil: desk.server_ms()})
    return stopped


def plant_schedules(desk: Desk) -> None:
    """Add a schedule, and one whose name is hostile, as nobody could by the commands."""
    client = desk.client
    task: Task[object] = Task("mail", {HOSTILE: HOSTILE}, queue="payment")
    desk.admin.add_schedule(Schedule.of("nightly", "@daily", task), HOSTILE)
    desk.admin.run_schedule("nightly", HOSTILE)
    desk.admin.pause_schedule("nightly", HOSTILE, HOSTILE)
    schedules, due = (global_key(NAMESPACE, name) for name in ("schedules", "schedules_due"))
    for field, value in client.hgetall(schedules).items():
        client.hset(schedules, field.replace(b"nightly", HOSTILE.encode()), value)
        client.hset(schedules, field.replace(b"nightly", b"told"), value + HOSTILE.encode())
    client.zadd(due, {HOSTILE: desk.server_ms(), "told": desk.server_ms()})
    fired = desk.queue("payment").key("fired")
    for field, value in client.hgetall(fired).items():
        client.hset(fired, field, value + HOSTILE.encode())


def plant_groups(desk: Desk) -> None:
    rig, name = desk.queue("payment"), f"{IN_HEADER}/{IN_HEADER}"
    rig.put(Task("mail", queue="payment", group="daily"))
    rig.client.zadd(rig.key("groups"), {f"{name}>00000>{IN_HEADER}".encode(): 0})
    rig.client.zadd(rig.key("groups_due"), {name.encode(): 5, f"{name}<".encode(): 5})
    rig.client.hset(rig.key("policy"), f"group:{IN_HEADER}", IN_HEADER)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    with standalone() as server:
        yield server


@pytest.fixture(scope="module")
def names(guarded: Server) -> dict[str, str]:
    client: redis.Redis = guarded.client()
    with closing(client), Desk(guarded.url, client) as desk:
        return plant(desk)


@pytest.fixture
def env(guarded: Server) -> dict[str, str]:
    return {
        "REDIQ_URL": guarded.url,
        "REDIQ_REDIS_NAMESPACE": NAMESPACE,
        "REDIQ_PAGER": "cat",
        "FORCE_COLOR": "1",
    }


COMMANDS = [path for path in READING if path in LEAVES and path != "dash"]
# In a terminal of its own each takes half a second; these show most of what there is.
QUICK = ("queue list", "task list", "task inspect", "why", "worker list", "doctor", "events")


def words_of(path: str, names: dict[str, str]) -> list[str]:
    return [names.get(word, word) for word in READING[path].split()]


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "ids"])
@pytest.mark.parametrize("path", COMMANDS)
def test_no_command_prints_a_character_that_acts(
    path: str, form: str, names: dict[str, str], env: dict[str, str]
) -> None:
    ended: Ended = run(*words_of(path, names), "-o", form, env=env)

    assert stains(ended.out.encode()) == set()
    assert stains(ended.err.encode()) == set()
    assert "defect" not in ended.err, ended.err


def test_the_texts_are_there_to_be_shown(names: dict[str, str], env: dict[str, str]) -> None:
    page = run("task", "inspect", names["ID"], env=env)
    listed = run("queue", "list", env=env)

    assert "␛]0;owned␇␛[2J·gnp.exe" in page.out
    assert "evil␛]0;owned␇" in listed.out
    for path in ("schedule list", "group list", "op list", "worker list", "audit", "events"):
        assert "␛]0;owned␇" in run(*path.split(), "-o", "wide", env=env).out, path


@pytest.mark.parametrize("path", QUICK)
def test_the_bytes_that_reach_a_terminal(
    path: str, names: dict[str, str], env: dict[str, str]
) -> None:
    _, screen = in_terminal(*words_of(path, names), env=env)

    assert screen
    assert stains(screen) == set()


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in QUICK])
def test_the_bytes_of_all_commands_that_reach_a_terminal(
    path: str, names: dict[str, str], env: dict[str, str]
) -> None:
    _, screen = in_terminal(*words_of(path, names), env=env)

    assert stains(screen) == set()


HANDLERS = """
from rediq_core import Context, Mux

mux = Mux()


@mux.handler("mail", max_retry=1, backoff=["1ms"])
async def mail(ctx: Context, payload: str) -> None:
    ctx.log.warning("sends %s", payload)
    ctx.progress(40, payload)
    raise ValueError(payload)
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_log_of_a_worker_in_a_terminal(log_format: str, tmp_path: Path) -> None:
    (tmp_path / "hostile_handlers.py").write_text(HANDLERS)
    (tmp_path / "rediq.toml").write_text(f'[log]\nformat = "{log_format}"\nlevel = "debug"\n')
    with (
        standalone() as server,
        closing(server.client()) as client,
        Desk(server.url, client) as desk,
    ):
        rig = desk.queue("default")
        rig.put(Task("mail", HOSTILE), Task("mail", id="stored"), Task("odd", HOSTILE))
        stored = f"1|50|1|0|0||{IN_HEADER}|{escape_key(IN_HEADER)}|{IN_HEADER}|\n{HOSTILE}"
        client.hset(rig.key("tasks"), "stored", stored.encode())
        env = {
            "REDIQ_URL": server.url,
            "REDIQ_REDIS_NAMESPACE": NAMESPACE,
            "METRICS_ENABLED": "false",
            "FORCE_COLOR": "1",
        }

        words = ("worker", "start", "hostile_handlers", "--burst", "--burst-wait", "1s")
        _, screen = in_terminal(*words, env=env, cwd=tmp_path)

    assert b"owned" in screen
    assert stains(screen) == set()


@pytest.mark.parametrize(
    "words",
    [
        ["queue", "pause", "evil" + HOSTILE.replace("\x00", "")],
        ["task", "list", "type:" + HOSTILE.replace("\x00", "")],
        ["why", HOSTILE.replace("\x00", "")],
        ["check", HOSTILE.replace("\x00", "")],
        ["--profile", HOSTILE.replace("\x00", ""), "queue", "list"],
        [HOSTILE.replace("\x00", "")],
        ["queue", HOSTILE.replace("\x00", "")],
        ["queue", "list", "--" + HOSTILE.replace("\x00", "")],
        ["help", HOSTILE.replace("\x00", "")],
    ],
)
def test_what_is_typed_is_not_thrown_back(words: list[str], env: dict[str, str]) -> None:
    ended = run(*words, env=env)

    assert stains((ended.out + ended.err).encode()) == set()


def test_hostile_rows_harm_no_reader(names: dict[str, str], guarded: Server) -> None:
    from rediq_core.admin import connect

    admin: Admin
    with connect(guarded.url, namespace=NAMESPACE) as admin:
        assert admin.why("payment").reasons
        assert admin.doctor().queues >= 2
        assert admin.task(names["ID"]).id == names["ID"]
