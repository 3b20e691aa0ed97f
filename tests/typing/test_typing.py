"""The public API holds its types: mypy strict passes right uses and finds each planted mistake."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
# Beside the ordinary cache: mypy's caches do not like two writers.
CACHE = ROOT / ".mypy_cache" / "typing"
MARK = re.compile(r"#\s*E: ([a-z-]+)$")
ERROR = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]")


def marks() -> set[tuple[str, int, str]]:
    """Return file, line and code of every planted mistake."""
    planted = set()
    for path in FOLDER.glob("*_uses.py"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if mark := MARK.search(line):
                planted.add((path.name, number, mark[1]))
    return planted


def test_mypy_finds_every_planted_mistake_and_nothing_else() -> None:
    files = sorted(str(path.relative_to(ROOT)) for path in FOLDER.glob("*_uses.py"))
    command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={CACHE}", *files]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    found = {
        (Path(match["file"]).name, int(match["line"]), match["code"])
        for match in map(ERROR.match, run.stdout.splitlines())
        if match is not None
    }
    print(run.stdout, run.stderr)
    assert found == marks()
    assert len(found) > 40
