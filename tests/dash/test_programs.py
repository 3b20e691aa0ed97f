"""Editor, pager and clipboard of the person's own, on a real terminal."""

from __future__ import annotations

import base64
import json
import stat
import sys
from pathlib import Path

import pytest

from rediq_core.model.state import TaskState
from tests.support.desk import NAMESPACE, Desk
from tests.support.terminal import Terminal, text_of

_EDITOR = """#!{python}
import json, os, pathlib, stat, sys
path = pathlib.Path(sys.argv[1])
seen = {{"mode": stat.S_IMODE(path.stat().st_mode), "text": path.read_text()}}
pathlib.Path({note!r}).write_text(json.dumps(seen))
path.write_text({text!r} or seen["text"])
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with the only programs that can be found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def server(desk: Desk, tools: Path) -> dict[str, str]:
    return {
        "REDIQ_URL": desk.url,
        "REDIQ_REDIS_NAMESPACE": NAMESPACE,
        "PATH": str(tools),
        "EDITOR": str(tools / "editor"),
        "REDIQ_PAGER": str(tools / "pager"),
        # As over SSH: the terminal's clipboard is the right one.
        "SSH_TTY": "/dev/pts/1",
        "TMUX": "",
        "VISUAL": "",
    }


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _editor(tools: Path, note: Path, text: str) -> None:
    _program(tools / "editor", _EDITOR.format(python=sys.executable, note=str(note), text=text))


def _open(server: dict[str, str], state: str) -> Terminal:
    terminal = Terminal("dash", f"{state}:mail", env=server, size=(120, 35))
    terminal.shows("hits")
    return terminal


@pytest.mark.slow
def test_e_edits_and_requeues_after_the_difference_was_seen(
    desk: Desk, server: dict[str, str], tools: Path, tmp_path: Path
) -> None:
    (task_id,) = desk.dead("mail", 1)
    _editor(tools, tmp_path / "seen.json", '{"n": 7}')
    with _open(server, "dead") as terminal:
        terminal.type("e")
        seen = text_of(terminal.shows("and retry it", '"n": 7'))
        assert '"n": 0' in seen
        terminal.until(lambda _: _passed(terminal), "the guard's quarter of a second")
        terminal.type("y")
        terminal.shows("edited task")
        terminal.type("\x03")
        terminal.wait()

    view = desk.admin.task(task_id)
    assert (view.payload, view.state) == ({"n": 7}, TaskState.PENDING)
    given = json.loads((tmp_path / "seen.json").read_text())
    assert given["mode"] == stat.S_IRUSR | stat.S_IWUSR
    assert json.loads(given["text"]) == {"n": 0}


def _passed(terminal: Terminal) -> bool:
    return not terminal.read(0.4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"), [("", "is as it was"), ("{broken", "is not JSON")], ids=["same", "broken"]
)
def test_e_changes_nothing_for_nothing(
    desk: Desk, server: dict[str, str], tools: Path, tmp_path: Path, text: str, said: str
) -> None:
    (task_id,) = desk.dead("mail", 1)
    _editor(tools, tmp_path / "seen.json", text)
    with _open(server, "dead") as terminal:
        terminal.type("e")
        terminal.shows(said)
        terminal.type("\x03")
        assert terminal.wait() == 0
    assert desk.admin.task(task_id).payload == {"n": 0}
    assert desk.admin.task(task_id).state is TaskState.DEAD


@pytest.mark.slow
def test_P_hands_the_whole_task_to_the_pager_and_y_the_id_to_the_terminal(  # noqa: N802 - the key
    desk: Desk, server: dict[str, str], tools: Path, tmp_path: Path
) -> None:
    (task_id,) = desk.dead("mail", 1)
    page = tmp_path / "page.txt"
    _program(tools / "pager", f"#!/bin/sh\n/bin/cat > {page}\n")
    with _open(server, "dead") as terminal:
        terminal.type("P")
        terminal.until(lambda _: page.exists() and task_id in page.read_text(), "the page")
        terminal.shows("live")
        terminal.type("y")
        written = terminal.shows("OSC 52")
        terminal.type("\x03")
        terminal.wait()

    encoded = base64.b64encode(task_id.encode())
    assert b"\x1b]52;c;" + encoded + b"\x07" in terminal.screen
    assert b"\x1b]52" not in written.replace(b"\x1b]52;c;" + encoded + b"\x07", b"")
    assert '"n": 0' in page.read_text()


@pytest.mark.slow
def test_y_inside_tmux_fills_its_buffer(
    desk: Desk, server: dict[str, str], tools: Path, tmp_path: Path
) -> None:
    (task_id,) = desk.dead("mail", 1)
    copied = tmp_path / "copied"
    _program(tools / "tmux", f'#!/bin/sh\necho "$@" > {copied}\n/bin/cat >> {copied}\n')
    with _open({**server, "TMUX": "/tmp/tmux-0/default,1,0"}, "dead") as terminal:
        terminal.type("y")
        terminal.shows("with tmux")
        terminal.type("\x03")
        terminal.wait()
    assert copied.read_text() == f"load-buffer -w -\n{task_id}"
    assert b"\x1b]52" not in terminal.screen
