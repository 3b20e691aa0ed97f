"""Make the peers' environments: a venv each from pinned requirements, and node's modules.

Everything lands in benchmarks/peers/.envs and node/node_modules, which git ignores. Safe to run
again: an environment whose requirements did not change is left alone. System packages (node, Ruby
with Sidekiq) are not installed here; the command says which are missing.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers.roster import ENVIRONMENTS, HERE, Peer

_INSTALL_TIMEOUT_S = 600
# Not `npm ci`: it refuses a lock that lacks the optional binaries of other platforms.
_NPM_INSTALL = ["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]


def setup(peers: Iterable[Peer]) -> int:
    """Prepare every peer; returns how many cannot run afterwards."""
    missing = 0
    done: set[str] = set()
    for peer in peers:
        environment = "node" if peer.language == "node" else peer.environment
        try:
            if environment and environment not in done:
                done.add(environment)
                _prepare(peer)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"{peer.name}: {_reason(error)}", file=sys.stderr)
        reason = peer.why_unavailable()
        missing += reason is not None
        print(f"{peer.name:<12} {'ready' if reason is None else reason}")
    return missing


def _prepare(peer: Peer) -> None:
    """Install what one peer's environment lacks."""
    if peer.language == "node":
        if shutil.which("npm") is not None:
            _run(_NPM_INSTALL, HERE / "node")
        return
    requirements = HERE / "requirements" / f"{peer.environment}.txt"
    folder = ENVIRONMENTS / peer.environment
    stamp = folder / "requirements.sha256"
    wanted = f"{hashlib.sha256(requirements.read_bytes()).hexdigest()} {sys.version_info[:2]}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    venv.create(folder, clear=True, with_pip=True)
    _run([str(peer.python), "-m", "pip", "install", "-q", "-r", str(requirements)], HERE)
    stamp.write_text(wanted)


def _run(command: list[str], folder: Path) -> None:
    """Run an installer; its output is kept for the error."""
    subprocess.run(
        command,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=_INSTALL_TIMEOUT_S,
    )


def _reason(error: Exception) -> str:
    """The end of what a failed installer said."""
    if isinstance(error, subprocess.CalledProcessError):
        said = (error.stderr or error.stdout or "").strip().splitlines()
        return said[-1] if said else f"ended with {error.returncode}"
    return str(error)
