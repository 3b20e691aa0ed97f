"""The engine with a change planted in it, in a copy: production code has no switch for tests.

Programs are run from the copy: `cwd` is its root, and PYTHONPATH too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("rediq_core", "rediq_cli")


def plant(root: Path, edits: Iterable[tuple[str, str, str]], *more: str) -> None:
    """Copy the packages below `root` and change their text.

    Args:
        root: Where the copy is made; it is not there yet.
        edits: File, a text that is in it once, and what takes its place.
        more: Folders of tests to be copied too.
    """
    for part in (*_PACKAGES, *more):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tests").mkdir(exist_ok=True)
    shutil.copy(ROOT / "tests" / "__init__.py", root / "tests")
    for name, right, wrong in edits:
        path = root / name
        text = path.read_text()
        assert text.count(right) == 1, f"{name} has changed: {right!r}"
        path.write_text(text.replace(right, wrong))
