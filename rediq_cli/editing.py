"""Edit a task's payload: in the person's own editor, or as it was given.

The text to edit is the payload itself, secrets included, in a file that only its owner can read and
that is gone afterwards. What is shown of the difference has secrets hidden.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rediq_cli.actions import ACTIONS
from rediq_cli.bulk_report import judge
from rediq_cli.confirm import ask_yes
from rediq_cli.output.json import readable
from rediq_cli.output.neutralise import safe, safe_lines
from rediq_cli.output.records import as_json
from rediq_cli.producing import read_payload
from rediq_cli.session import Session, actor
from rediq_core.config.redact import redact_fields
from rediq_core.errors import InvalidOption, InvalidPayload
from rediq_core.model.views import TaskView
from rediq_core.model.where import Where


def edit_task(
    session: Session,
    task_id: str,
    payload: str | None,
    *,
    is_retried: bool,
    is_yes: bool,
    is_dry: bool,
    reason: str,
) -> None:
    """Change a payload, showing the difference first.

    Args:
        session: The session.
        task_id: An id or its end.
        payload: What --payload said, or None for the editor.
        is_retried: Then run it again.
        is_yes: Answers the question that follows the editor.
        is_dry: Only show the difference.
        reason: Why, for the audit.

    Raises:
        TaskNotFound, WrongState: It is gone, running, or was edited meanwhile.
        InvalidOption, InvalidPayload, PayloadTooLarge: There is no editor, or it is no payload.
        Refused: Read-only, or not confirmed.
    """
    session.refuse_if_read_only_server()
    task = session.admin.task(task_id)
    content = _edited(task) if payload is None else read_payload(payload)
    lines = difference(task, content, session.server.redact)
    if content == content_of(task):
        session.out.one(
            lines=lambda: [f"{safe(task.id)} is as it was"],
            record=lambda: {"id": task.id, "edited": False, "retried": False, "operation": None},
            ids=[],
        )
        return
    for line in lines:
        session.say.note(line)
    if is_dry:
        session.out.one(
            lines=lambda: [f"would edit {safe(task.id)}"],
            record=lambda: {"id": task.id, "dry_run": True, "diff": lines},
            ids=[task.id],
        )
        return
    if payload is None:
        ask_yes(f"Change task {task.id}?", is_yes=is_yes, command=session.command)
    operation = session.admin.edit(task, content, by=actor(), reason=reason)
    where = Where(ids=(task.id,))
    retried = session.admin.move("retry", where, by=actor(), reason=reason) if is_retried else None
    runs_again = retried is not None and bool(retried.moved)
    session.out.one(
        lines=lambda: [f"edited {safe(task.id)}{' and retried it' if runs_again else ''}"],
        record=lambda: {
            "id": task.id,
            "edited": True,
            "retried": runs_again,
            "operation": operation,
        },
        ids=[task.id],
    )
    if retried is not None:
        judge(session, ACTIONS["retry"], where, retried)


def content_of(task: TaskView) -> object:
    """Return a task's payload, None if it is not JSON."""
    try:
        return task.payload
    except InvalidPayload:
        return None


def _edited(task: TaskView) -> object:
    """Return what the person made of the payload.

    Raises:
        InvalidOption: There is no terminal or no editor, or what came out is not JSON.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidOption(
            "there is no terminal to edit on.",
            next_step=f"Give the payload: rediq task edit {task.id} --payload JSON",
        )
    return in_editor(task)


def in_editor(task: TaskView) -> object:
    """Return what the person's editor made of a payload; the terminal must be free for it.

    Raises:
        InvalidOption: There is no editor, or what came out is not JSON.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="rediq-") as folder:
        path = Path(folder, f"{task.type.replace(':', '-')}.json")
        path.touch(0o600)
        path.write_text(_text_of(task), encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)  # noqa: S603 - the user's own editor
        except (OSError, subprocess.CalledProcessError) as error:
            raise InvalidOption(
                f"{editor} did not end well; nothing was changed.",
                cause=f"{error}.",
                next_step="Name another one: EDITOR=nano rediq task edit …",
            ) from error
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidOption(
                "what came out of the editor is not JSON; nothing was changed.",
                cause=f"{error}.",
                next_step="Edit it again; the task is as it was.",
            ) from error


def _text_of(task: TaskView) -> str:
    try:
        return json.dumps(task.payload, indent=2, ensure_ascii=False) + "\n"
    except InvalidPayload:
        return task.payload_json.decode("utf-8", "replace")


def difference(task: TaskView, content: object, secret_fields: Sequence[str]) -> list[str]:
    """Return the lines that differ, neutralised, secrets hidden."""

    def lines_of(value: object) -> list[str]:
        return safe_lines(readable(as_json(redact_fields(value, secret_fields)), indent=2))

    difference = difflib.unified_diff(
        lines_of(content_of(task)), lines_of(content), "before", "after", lineterm=""
    )
    return list(difference) or ["Only hidden fields differ."]
