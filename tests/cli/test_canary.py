"""A password shows nowhere: not in results, errors, warnings, tracebacks or logs.

It stands in every place where a URL or a password can stand, well formed or not, and every command
that speaks of a server is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rediq_core.model.task import Task
from tests.cli.test_read_only import CHANGING, LOCAL, READING
from tests.support.cli import Ended, in_terminal, run
from tests.support.desk import NAMESPACE, Desk
from tests.support.servers import Server, standalone
from tests.support.waiting import wait_until
from tests.support.workers import worker

CANARY = "c4nary-pw"
REAL = f"real-{CANARY}"
GONE = "127.0.0.1:1"
QUICKLY = {"REDIQ_REDIS_DEADLINE": "100ms"}

# Ways to write a URL that holds the password; most cannot be connected to.
URLS = {
    "plain": f"redis://:{CANARY}@{GONE}/0",
    "with a user": f"redis://ada:{CANARY}@{GONE}/0",
    "with a slash": f"redis://:{CANARY}/{CANARY}@{GONE}/0",
    "with a hash": f"redis://:{CANARY}#{CANARY}@{GONE}/0",
    "with a question mark": f"redis://:{CANARY}?{CANARY}@{GONE}/0",
    "with an at": f"redis://:{CANARY}@{CANARY}@{GONE}/0",
    "encoded": f"redis://:{CANARY}%2F{CANARY}@{GONE}/0",
    "without a host": f"redis://:{CANARY}@",
    "with a bad port": f"redis://:{CANARY}@127.0.0.1:port/0",
    "with a bad database": f"redis://:{CANARY}@{GONE}/zero",
    "with a bad scheme": f"redjs://:{CANARY}@{GONE}/0",
    "as a parameter": f"redis://{GONE}/0?password={CANARY}",
    "of Sentinels": f"redis+sentinel://:{CANARY}@{GONE}/master/0?sentinel_password={CANARY}",
    "of a Cluster": f"redis+cluster://:{CANARY}@{GONE}",
    "with TLS": f"rediss://:{CANARY}@{GONE}/0",
    "with unchecked TLS": f"rediss://:{CANARY}@{GONE}/0?ssl_cert_reqs=none",
    "of a socket": f"unix://:{CANARY}@/nowhere/redis.sock",
    "without a scheme": f":{CANARY}@{GONE}",
}
COMMANDS = (
    *("queue list", "redis status", "config show --origin", "config check", "doctor", "check"),
    "config acl",
)


class Project:
    """A folder with a configuration file and a home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home" / "rediq"
        self.home.mkdir(parents=True)

    def run(self, line: str, **env: str) -> Ended:
        variables = {**QUICKLY, "XDG_CONFIG_HOME": str(self.home.parent), **env}
        return run(*line.split(), env=variables, cwd=self.folder)

    def write(self, text: str) -> None:
        (self.folder / "rediq.toml").write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def shown(*ended: Ended) -> str:
    return "".join(one.out + one.err for one in ended)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("form", URLS)
def test_a_url_of_the_environment_shows_no_password(
    form: str, command: str, project: Project
) -> None:
    ended = project.run(f"{command} --debug", REDIQ_URL=URLS[form])

    assert ended.out + ended.err
    assert CANARY not in shown(ended)


@pytest.mark.parametrize("form", URLS)
def test_a_url_in_any_other_place_shows_no_password(form: str, project: Project) -> None:
    url = URLS[form]
    by_flag = project.run(f"queue list --debug --url {url}")
    by_guide = project.run("queue list --debug", REDIS_URL=url)
    by_word = project.run(f"queue list {url}")
    project.write(f'[redis]\nurl = "{url}"\n')
    by_file = [project.run(f"{command} --debug") for command in ("queue list", "config show")]
    project.write(f'[profiles.prod]\nurl = "{url}"\n')
    by_profile = [
        project.run(f"{command} --debug --profile prod") for command in ("check", "config show")
    ]
    project.write('[redis]\nurl_file = "secret"\n')
    (project.folder / "secret").write_text(url)
    by_secret = project.run("queue list --debug")
    (project.folder / "rediq.toml").unlink()
    (project.home / "config.toml").write_text(f'[profiles.own]\nurl = "{url}"\n')
    by_own = project.run("queue list --debug --profile own")

    ended = [by_flag, by_guide, by_word, *by_file, *by_profile, by_secret, by_own]
    assert all(one.code != 0 or one.out for one in ended)
    assert CANARY not in shown(*ended)


def test_a_password_apart_from_its_url_shows_nowhere(project: Project) -> None:
    project.write(f'[redis]\nurl = "redis://{GONE}/0"\npassword = "{CANARY}"\n')
    ended = [
        *(project.run(f"{command} --debug") for command in COMMANDS),
        project.run(f"queue list --debug --url redis://{GONE}/0", REDIQ_REDIS_PASSWORD=CANARY),
        project.run(f"config set redis.password {CANARY} -c rediq.toml"),
        project.run(f"config set redis.url redis://:{CANARY}@{GONE}/0 -c rediq.toml"),
        project.run("config show redis -o json"),
    ]

    assert CANARY not in shown(*ended)


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    with standalone(requirepass=REAL) as server:
        yield server


def test_a_server_that_is_reached_shows_no_password(locked: Server, project: Project) -> None:
    client = locked.client()
    with Desk(locked.url, client) as desk:
        desk.queue("mail").put(Task("mail", {"url": locked.url, "token": CANARY}, queue="mail"))
        (task_id,) = desk.queue("mail").ids("pending")
    client.close()
    env = {"REDIQ_URL": locked.url, "REDIQ_REDIS_NAMESPACE": NAMESPACE}
    ended = [
        project.run(line, **env)
        for line in (
            *("queue list --debug", "redis status", "doctor", "events", "worker list"),
            *("task list all", f"task inspect {task_id}", f"task inspect {task_id} --json"),
        )
    ]

    assert CANARY in locked.url
    assert CANARY not in shown(*ended)


def test_the_log_of_a_worker_shows_no_password(locked: Server) -> None:
    with worker(locked.url, "--burst", "--debug") as running:
        code, log = running.process.wait(30), running.log

    assert code == 0, log
    assert "--url" in log
    assert CANARY not in log


def test_the_log_of_a_worker_with_a_wrong_password_shows_none(locked: Server) -> None:
    with worker(locked.url.replace(REAL, f"wrong-{CANARY}")) as running:
        wait_until(lambda: "refused the user name or password" in running.log, "it says so")
        log = running.log

    assert CANARY not in log


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("queue list", 4),
        ("dash --once", 4),
        ("worker start no.such.module", 2),
        ("task retry dead", 4),
    ],
)
def test_the_bytes_of_a_terminal_hold_no_password(line: str, code: int, locked: Server) -> None:
    url = locked.url.replace(REAL, f"wrong-{CANARY}")

    ended, screen = in_terminal(*line.split(), "--debug", "--url", url, env=QUICKLY)

    assert ended == code, screen
    assert CANARY.encode() not in screen


# `demo` and `redis` have a server of their own, `worker start` runs until it is stopped.
@pytest.mark.parametrize(
    "line",
    [
        line
        for path, line in {**CHANGING, **LOCAL, **READING}.items()
        if path not in ("demo", "redis start", "redis stop", "worker start")
    ],
)
def test_no_command_tells_the_password_of_a_server_that_refuses_it(
    line: str, locked: Server, project: Project
) -> None:
    url = locked.url.replace(REAL, f"wrong-{CANARY}")

    ended = project.run(f"{line} --debug", REDIQ_URL=url)

    assert ended.out + ended.err
    assert CANARY not in shown(ended)
