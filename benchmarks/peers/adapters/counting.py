"""Count handler starts outside Redis, the same way for every Python peer.

Each thread that runs tasks owns one 24-byte slot (count, first ns, last ns) in a file the process
maps into memory; the harness reads those files. A count costs about 0.3 µs and no system call, so
it neither adds a Redis command per task nor favours anybody. Instants are CLOCK_MONOTONIC, which
all processes of one machine share. This is not a result store: payloads are not kept, except for
the ids of held tasks in the kill case and the delays of the latency case.
"""

import mmap
import os
import threading
import time
from pathlib import Path

MODE = os.environ.get("BENCH_MODE", "count")
FOLDER = Path(os.environ.get("BENCH_DIR", "."))
HOLD_S = 600  # a held task outlasts every bounded wait of the harness
_PAGE_BYTES = 4096
_SLOT_WORDS = 3
_GATE = FOLDER / "hold-gate"

_local = threading.local()
_lock = threading.Lock()
_page: memoryview | None = None
_slots_used = 0


def _forget_parent() -> None:
    """Give a forked process its own file; the parent's page must keep the parent's counts."""
    global _local, _lock, _page, _slots_used
    _local = threading.local()
    _lock = threading.Lock()
    _page = None
    _slots_used = 0


os.register_at_fork(after_in_child=_forget_parent)


def _new_slot() -> memoryview:
    """Map this process's file on first use and hand out the next free slot."""
    global _page, _slots_used
    with _lock:
        if _page is None:
            descriptor = os.open(FOLDER / f"count-{os.getpid()}", os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(descriptor, _PAGE_BYTES)
            _page = memoryview(mmap.mmap(descriptor, _PAGE_BYTES)).cast("Q")
            os.close(descriptor)
        start = _slots_used * _SLOT_WORDS
        _slots_used += 1
    slot = _page[start : start + _SLOT_WORDS]
    slot[1] = time.monotonic_ns()
    _local.slot = slot
    return slot


def _count(_payload: str) -> bool:
    """Count one handler start; False: the handler returns at once."""
    try:
        slot = _local.slot
    except AttributeError:
        slot = _new_slot()
    slot[2] = time.monotonic_ns()
    slot[0] += 1
    return False


def _append(name: str, line: str) -> None:
    """Append one short line with a single write, which O_APPEND keeps whole between processes."""
    descriptor = os.open(FOLDER / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def _delay(payload: str) -> bool:
    """Record the nanoseconds since the producer stamped the payload, then count."""
    now = time.monotonic_ns()
    sent = int(payload.partition(":")[0])
    if sent:  # warm-up tasks carry 0
        _append("delays", f"{now - sent}\n")
    return _count(payload)


def _hold(payload: str) -> bool:
    """Record who started which task when; True while the harness wants tasks held."""
    line = f"{payload.partition(':')[0]} {os.getpid()} {time.monotonic_ns()}\n"
    _append("held", line)
    _count(payload)
    return _GATE.exists()


seen = {"count": _count, "latency": _delay, "hold": _hold}[MODE]
