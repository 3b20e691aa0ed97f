"""What every command writes, byte by byte: stdout, stderr and the exit code.

The real entry point runs on a real server with the shop of `tests.support.shop`, at a moment that
stands still, so nothing is masked but what `volatile` lists with its reason. A command's golden
file is a transcript; read it as a user would. Written anew by: pytest tests/cli/test_goldens.py
--snapshot-update
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rediq_cli.output.writer import FORMATS
from rediq_cli.tree import NOUNS, load
from tests.cli.golden_cases import LIVE, REFUSED, SHOWN, UNREACHABLE, WITHOUT_SERVER
from tests.support.cli import Ended, run, run_process
from tests.support.desk import NAMESPACE
from tests.support.servers import Server, standalone
from tests.support.shop import Copy, seed_shop
from tests.support.standing import standing

LEAVES = [leaf.help.path for noun in NOUNS.values() for leaf in load(noun).leaves.values()]
GOLDENS = Path(__file__).parent / "goldens"
GONE = {"REDIQ_URL": "unix:///nowhere/redis.sock", "REDIQ_REDIS_DEADLINE": "100ms"}
FIGURES = "used_memory_bytes|uptime_s|clients|commands_per_s|round_trip_ms|worst_round_trip_ms"
SHOP_TOML = """\
[redis]
url = "redis://:s3cret@queue.example:6379/0"

[worker]
concurrency = 20

[queues.payment]
handlers = ["handlers"]
weight = 3
concurrency = 20
rate = "100/m"
"""
WRONG_TOML = """\
[worker]
concurency = 20

[queues.payment]
handlers = ["no_such_module"]
"""
HANDLERS = """\
from rediq_core import Mux

mux = Mux()


@mux.handler("order:payment")
async def charge(ctx, payload): ...
"""
TASKS = """\
{"id": "r7", "type": "report:daily", "queue": "reports", "payload": {"day": 7}}
{"type": "report:daily", "queue": "reports", "payload": {"day": 8}}
nonsense
"""


class Stage:
    """The shop's server, put back as it was before each command line."""

    def __init__(self, server: Server, copy: Copy, names: dict[str, str]) -> None:
        self.server = server
        self.names = names
        self.socket = server.url.removeprefix("unix://").partition("?")[0]
        self._copy = copy

    def run(self, line: str, *flags: str, folder: Path, is_tty: bool = False, **env: str) -> Ended:
        """Run one command line of the table in a folder with the shop's files."""
        self._copy.put_back()
        for name, text in (
            *(("shop.toml", SHOP_TOML), ("wrong.toml", WRONG_TOML)),
            *(("tasks.jsonl", TASKS), ("handlers.py", HANDLERS)),
        ):
            (folder / name).write_text(text)
        for name in ("new.toml", "copy.jsonl"):
            (folder / name).unlink(missing_ok=True)
        stdin, _, command = line.rpartition("|")
        words = [self.names.get(word, word) for word in shlex.split(command)]
        given = "\n".join(self.names.get(word, word) for word in _stdin_words(stdin))
        variables = {
            "REDIQ_URL": self.server.url,
            "REDIQ_REDIS_NAMESPACE": NAMESPACE,
            "REDIQ_PAGER": "cat",
            "REDIQ_HOME": str(folder / "home"),
            "COLUMNS": "80",
            "LINES": "24",
            "NO_COLOR": "1",
            "METRICS_ENABLED": "false",
            **env,
        }
        with standing():
            return run(*words, *flags, env=variables, cwd=folder, stdin=given, is_tty=is_tty)


def _stdin_words(text: str) -> list[str]:
    return [text] if text.lstrip().startswith("{") else text.split()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    # What a loaded machine is slow at is not what is looked at here.
    with (
        standalone(extra_args=("--slowlog-log-slower-than", "-1")) as server,
        closing(server.client()) as client,
    ):
        names = seed_shop(server.url, client)
        yield Stage(server, Copy(client), names)


def volatile(text: str, stage: Stage, folder: Path) -> str:
    """Replace what a standing clock and fixed ids do not decide, and only that.

    Where this run's server and files lie, which server it is, and how much it holds and does.
    """
    text = text.replace(stage.socket, "/run/redis.sock").replace(str(folder), "/srv/shop")
    for pattern, word in (
        (r"(?i)(valkey|redis)( |\W+version\W+)\d+\.\d+\.\d+", r"ENGINE\2VERSION"),
        (r'"engine": ?"(valkey|redis)"', '"engine": "ENGINE"'),
        (rf'"({FIGURES})":( ?)[\d.]+', r'"\1":\2N'),
        (r"up [^,]+, \d+ clients?, [\d,]+ commands", "up N, N clients, N commands"),
        (r"answers in [\d.]+ ms, in [\d.]+ ms", "answers in N ms, in N ms"),
        (r"answers within \d+ ms", "answers within N ms"),
        (r"\d+(?:\.\d+)? MiB( used|, no limit)", r"N MiB\1"),
        (r"within \d+ ms of this machine", "within N ms of this machine"),
    ):
        text = re.sub(pattern, word, text)
    return text


def transcript(line: str, flags: str, ended: Ended, *, note: str = "") -> str:
    shown = " ".join(filter(None, (line, flags)))
    stdin, _, command = shown.rpartition("|")
    given = f"{stdin.strip()} | " if stdin.strip() else ""
    typed = f"$ {given}rediq {command.strip()}"
    parts = [f"{typed}{note}", ended.out.rstrip("\n")] if ended.out else [typed + note]
    if ended.out and not ended.out.endswith("\n"):
        parts.append("(no newline at the end of stdout)")
    if ended.err:
        parts += ["--- stderr", ended.err.rstrip("\n")]
    return "\n".join([*parts, f"--- exit {ended.code}", "", ""])


def golden(path: str, kind: str = "") -> Path:
    return GOLDENS / f"{path.replace(' ', '-')}{kind}.txt"


def is_as_kept(written: str, kept: Path, request: pytest.FixtureRequest) -> None:
    if request.config.option.update_snapshots:
        kept.write_text(written)
    assert written == kept.read_text()


def test_every_command_has_goldens() -> None:
    assert set(SHOWN) == set(REFUSED) == set(LEAVES)
    assert set(LEAVES) - {"dash"} == {path for path in LEAVES if SHOWN[path] or path in LIVE}
    assert set(GOLDENS.iterdir()) == {
        *map(golden, LEAVES),
        *(golden(path, ".live") for path in LIVE),
    }


@pytest.mark.parametrize("path", LEAVES)
def test_what_a_command_writes(
    path: str, stage: Stage, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # A server's path is as long as this machine makes it, and columns are as wide as the path.
    env = {"REDIQ_URL": "unix:///run/redis.sock"} if path in WITHOUT_SERVER else {}
    parts = []
    for line in SHOWN[path]:
        for form in FORMATS if line == SHOWN[path][0] else ("table", "json"):
            flags = "" if form == "table" else f"-o {form}"
            ended = stage.run(line, *flags.split(), folder=tmp_path, **env)
            parts.append(transcript(line, flags, ended))
        screen = stage.run(line, folder=tmp_path, is_tty=True, **env)
        parts.append(transcript(line, "", screen, note="    (on a screen of 80 columns)"))
    parts += [
        transcript(line, "", stage.run(line, folder=tmp_path, **env)) for line in REFUSED[path]
    ]
    if path not in WITHOUT_SERVER:
        line = UNREACHABLE.get(path) or SHOWN[path][0]
        ended = stage.run(line, folder=tmp_path, **GONE)
        parts.append(transcript(line, "", ended, note="    (no server there)"))

    is_as_kept(volatile("".join(parts), stage, tmp_path), golden(path), request)


def without_numbers(text: str) -> str:
    """Write N for every number; columns close up."""
    text = re.sub(r"\b\d[\d,.]*\d|\b\d|(?<=T)\d\d", "N", text)
    return re.sub(r"(?<=\S) {2,}", "  ", text)


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=[pytest.mark.slow] * (path == "demo")) for path in LIVE]
)
def test_what_a_command_writes_of_real_work(
    path: str, stage: Stage, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    env = {
        "REDIQ_URL": stage.server.url,
        "REDIQ_REDIS_NAMESPACE": "live",
        "REDIQ_HOME": str(tmp_path / "home"),
        "METRICS_ENABLED": "false",
    }
    (tmp_path / "handlers.py").write_text(HANDLERS)
    parts = []
    try:
        for line in LIVE[path]:
            for flags in ("", "-o json"):
                if path == "redis stop":
                    run("redis", "start", env=env)
                ended = run_process(*line.split(), *flags.split(), env=env, cwd=tmp_path)
                out, err = (
                    without_numbers(volatile(text, stage, tmp_path))
                    for text in (ended.out, ended.err)
                )
                parts.append(transcript(line, flags, Ended(ended.code, out, err)))
    finally:
        run("redis", "stop", env=env)

    is_as_kept("".join(parts), golden(path, ".live"), request)
