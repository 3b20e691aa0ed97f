"""What tests of faults share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers keep their files in memory: what is measured is not the disk.

    A Cluster's node writes its configuration to disk with each slot that moves.
    """
    if MEMORY.is_dir():
        monkeypatch.setattr(tempfile, "tempdir", str(MEMORY))
