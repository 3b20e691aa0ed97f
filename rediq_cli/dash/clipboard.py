"""Copy text: with the machine's own tool where there is one, else through the terminal (OSC 52).

The tool is asked first because its answer is known; a terminal never says whether it obeyed, and
some do not. Over SSH the machine's own clipboard is the wrong one. Inside tmux its buffer is
filled, and tmux hands it on.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Mapping, Sequence

# Terminals drop longer sequences; of the encoded text, in characters.
OSC52_LIMIT = 74_994
# A tool that takes longer than this waits for something that is not there, in seconds.
TOOL_S = 2.0


def tool_of(env: Mapping[str, str]) -> Sequence[str]:
    """Return the command that fills the clipboard, or nothing if the terminal must."""
    wanted: list[tuple[str, Sequence[str]]] = []
    if env.get("TMUX"):
        wanted.append(("tmux", ("tmux", "load-buffer", "-w", "-")))
    elif not (env.get("SSH_TTY") or env.get("SSH_CONNECTION")):
        wanted.append(("pbcopy", ("pbcopy",)))
        if env.get("WAYLAND_DISPLAY"):
            wanted.append(("wl-copy", ("wl-copy",)))
        if env.get("DISPLAY"):
            wanted.append(("xclip", ("xclip", "-selection", "clipboard")))
            wanted.append(("xsel", ("xsel", "--clipboard", "--input")))
    path = env.get("PATH")
    return next((command for name, command in wanted if shutil.which(name, path=path)), ())


def run_tool(command: Sequence[str], text: str) -> bool:
    """Fill the clipboard with a tool; returns whether it did."""
    try:
        subprocess.run(  # noqa: S603 - one of the commands above
            command,
            input=text.encode("utf-8", "surrogateescape"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def fits_terminal(text: str) -> bool:
    """Say whether a terminal would take a text."""
    return len(base64.b64encode(text.encode("utf-8", "surrogateescape"))) <= OSC52_LIMIT
