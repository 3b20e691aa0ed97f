"""Import without a look for garbage.

Nothing that is imported is garbage, and the collector looks at all of it again and again: a tenth
of the time of a short command. What is there when imports end is set apart, so that later looks
pass it over.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def begin_imports() -> None:
    """Stop looking until a command begins; only for a process that is this command alone."""
    gc.disable()


def end_imports() -> None:
    """Look again from now on, if `begin_imports` stopped it."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


@contextmanager
def importing() -> Iterator[None]:
    """Do not look meanwhile; nothing in a process whose garbage is somebody else's business."""
    if not gc.get_freeze_count():
        yield
        return
    begin_imports()
    try:
        yield
    finally:
        end_imports()
