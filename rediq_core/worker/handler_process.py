"""A handler process: imports handler modules, then runs one task at a time until its socket ends.

Started by a `HandlerPool` so that a run can be killed, and its death charged to one task. The main
thread runs handlers, where signals reach them; a reader thread takes what the task process says, so
`ctx.cancelled` turns true while a handler computes. Judging is done here, with the traceback at
hand; only its record travels. It talks to nobody but its task process: no Redis, no deadline.
"""

from __future__ import annotations

import importlib
import os
import queue
import socket
import sys
import threading
from pathlib import Path
from typing import cast

from rediq_core.clock import SYSTEM_CLOCK
from rediq_core.errors import ConfigError, RediqError
from rediq_core.handlers.context import CancelReason
from rediq_core.handlers.handler import Handler
from rediq_core.handlers.loading import import_root, load_mux
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.outcomes import judge
from rediq_core.handlers.payloads import encode_result
from rediq_core.handlers.registration import Registration
from rediq_core.worker.handler_frames import Frame, pack, receive
from rediq_core.worker.handler_life import ask_group, kill_group, stop_on_signal, tie_to_parent
from rediq_core.worker.handler_link import ChildLink, LinkRuntime, ProcessContext
from rediq_core.worker.handler_logs import LinkHandler
from rediq_core.worker.handler_messages import claimed_of, pack_error, pack_outcome


def main() -> None:
    """Serve the task process that started this one; returns when it closes the socket.

    Arguments of the process: socket, lifeline, pid of the task process.
    """
    link_fd, lifeline, parent_pid = map(int, sys.argv[1:4])
    for inherited in (link_fd, lifeline):
        os.set_inheritable(inherited, False)
    tie_to_parent(lifeline, parent_pid)
    sys.argv[1:] = []
    HandlerProcess(socket.socket(fileno=link_fd)).serve()


class HandlerProcess:
    """One handler process, from its first frame to the end of its socket."""

    def __init__(self, link: socket.socket) -> None:
        self._socket = link
        self._link = ChildLink(link)
        self._inbox: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._muxes: list[Mux] = []
        self._registrations: dict[str, Registration] = {}
        # The run that the reader thread may cancel. It is busy from the start: while modules are
        # imported, the end of the socket means the same as during a run.
        self._is_busy = True
        self._running: tuple[int, ProcessContext] | None = None

    def serve(self) -> None:
        """Import the modules, then run what comes."""
        start = receive(self._socket)
        if start is None:
            return
        threading.Thread(target=self._listen, name="rediq-link", daemon=True).start()
        if not self._prepare(start):
            return
        while (frame := self._next()) is not None:
            self._run(frame)

    def _next(self) -> Frame | None:
        self._is_busy = False
        frame = self._inbox.get()
        self._is_busy = True
        return frame

    def _prepare(self, start: Frame) -> bool:
        # In this order: a module of the project that is named like one of the standard library
        # must not be found by the imports above, as it is not in the task process.
        sys.path[:] = map(str, start.items("path"))
        root = start.text("root")
        if root:
            import_root(Path(root))
        LinkHandler(self._link.send).install(int(start.number("level")))
        try:
            for spec in map(str, start.items("specs")):
                mux = load_mux(spec)
                mux.validate()
                self._muxes.append(mux)
        except RediqError as error:
            self._link.send(pack_error("broken", error))
            return False
        self._link.send(pack("ready"))
        return True

    def _run(self, frame: Frame) -> None:
        number, task = int(frame.number("run")), claimed_of(frame)
        limit_s = frame.head.get("remaining_s")
        deadline_s = (
            SYSTEM_CLOCK.monotonic() + limit_s if isinstance(limit_s, float | int) else None
        )
        context = ProcessContext(task, LinkRuntime(self._link, number), deadline_s)
        # A handler may have taken the signal for itself in an earlier run.
        stop_on_signal()
        self._running = (number, context)
        self._link.send(pack("started", run=number))
        try:
            registration = self._find(task.type, frame.text("module"), frame.text("name"))
            result = encode_result(registration.call_plain(context))
            reply = pack("returned", result, run=number)
        except BaseException as error:  # noqa: BLE001  # user code raises anything, sys.exit() too
            reply = pack_outcome(number, error, judge(error, task.type))
        context.finish()
        self._running = None
        self._link.send(reply)

    def _find(self, type_name: str, module: str, name: str) -> Registration:
        """Return the registration of a type, ready for `call_plain`.

        Raises:
            ConfigError: The modules this process knows have no such handler.
        """
        known = self._registrations.get(type_name)
        if known is None:
            known = self._search(type_name, module, name)
            if known.mode != "process":
                raise ConfigError(f"handler {known.where} does not run in a process.")
            known.prepare()
            self._registrations[type_name] = known
        return known

    def _search(self, type_name: str, module: str, name: str) -> Registration:
        for mux in self._muxes:
            found = mux.lookup(type_name)
            if found is not None:
                return found
        # A worker inside another program has a mux and no module of it to name.
        handler = getattr(importlib.import_module(module), name, None) if module else None
        if isinstance(handler, Handler) and handler.registration.type == type_name:
            return handler.registration
        raise ConfigError(
            f'type "{type_name}" has no handler in a handler process.',
            cause=f"Neither its modules nor {module}.{name} register one when they are imported.",
            next_step="Register it at the top level of a handler module, with @mux.handler.",
        )

    def _listen(self) -> None:
        """Take what the task process says; in a thread of its own, for the whole life."""
        try:
            while (frame := receive(self._socket)) is not None:
                self._take(frame)
        finally:
            if self._is_busy:
                kill_group()
            self._inbox.put(None)

    def _take(self, frame: Frame) -> None:
        match frame.op:
            case "cancel":
                self._cancel(frame)
            case "answer" | "refused":
                self._link.answer(frame)
            case _:
                self._inbox.put(frame)

    def _cancel(self, frame: Frame) -> None:
        running = self._running
        if running is None or running[0] != frame.number("run"):
            return
        running[1].cancel(cast("CancelReason", frame.text("reason")))
        if frame.head.get("stop"):
            # After the reason is known, so that the handler can see it while it cleans up.
            ask_group()
