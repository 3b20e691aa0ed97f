"""What a handler process logs comes out where its task process logs.

A handler process has no logging of its own, so its root logger hands records over the socket: text
already filled in, traceback already written, extra fields as far as they are plain. The task
process passes them to the logger of the same name, which decides by its level. A module that sets
up logging itself while it is imported keeps what it set up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from rediq_core.handlers.tracebacks import cut_text
from rediq_core.worker.handler_frames import Frame, pack

# Most bytes of one record's text and of its traceback.
_MAX_TEXT_BYTES = 16 * 1024
# Most extra fields of one record.
_MAX_FIELDS = 32
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_LOGGERS = ("", "rediq", "rediq.task")


class LinkHandler(logging.Handler):
    """Sends records to the task process."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__()
        self._send = send
        self._formatter = logging.Formatter()

    def install(self, level: int) -> None:
        """Become the root logger's handler in this process."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; what cannot be sent is logging's to report."""
        try:
            self._send(pack("log", record=self._fields(record), extra=_extra(record)))
        except Exception:  # noqa: BLE001  # logging's contract: a log line never fails its caller
            self.handleError(record)

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        text = None
        if record.exc_info and record.exc_info[0] is not None:
            text = cut_text(self._formatter.formatException(record.exc_info), _MAX_TEXT_BYTES)
        return {
            "name": record.name,
            "levelno": record.levelno,
            "levelname": record.levelname,
            "msg": cut_text(record.getMessage(), _MAX_TEXT_BYTES),
            "exc_text": text,
            "created": record.created,
            "process": record.process,
            "pathname": record.pathname,
            "lineno": record.lineno,
            "funcName": record.funcName,
        }


def _extra(record: logging.LogRecord) -> dict[str, object]:
    found = [
        (name, value)
        for name, value in vars(record).items()
        if name not in _PLAIN and isinstance(value, str | int | float | None)
    ]
    return {
        name: cut_text(value, _MAX_TEXT_BYTES) if isinstance(value, str) else value
        for name, value in found[:_MAX_FIELDS]
    }


def level_wanted() -> int:
    """Return the lowest level at which handlers' records come out in this process."""
    return min(logging.getLogger(name).getEffectiveLevel() for name in _LOGGERS)


def emit_here(frame: Frame) -> None:
    """Log what a handler process sent, in this process."""
    record = logging.makeLogRecord(frame.fields("extra") | frame.fields("record"))
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
