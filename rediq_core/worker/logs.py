"""Log lines of a worker: readable on a terminal, one JSON object a line elsewhere.

Standard logging only. A line never breaks: characters from data that a terminal would obey or
hide are escaped.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_PLAIN = frozenset(vars(logging.makeLogRecord({})))


class JsonLines(logging.Formatter):
    """Write a record as one ASCII JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        fields |= {name: value for name, value in extra.items() if name not in fields}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


class TextLines(logging.Formatter):
    """Write a record as one line of text."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(process)d %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the message on one line, whatever it holds."""
        return _visible(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; only a traceback has more, escaped likewise."""
        return "\n".join(map(_visible, super().format(record).split("\n")))


def _visible(text: str) -> str:
    """Escape control, invisible and bidirectional characters: all that is not printable."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(ord(char)) for char in text)


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def set_up_logging(level: str, style: str) -> None:
    """Send log records to stderr.

    Args:
        level: debug, info, warning or error.
        style: json, text, or auto: text on a terminal.
    """
    handler = logging.StreamHandler(sys.stderr)
    is_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    handler.setFormatter(TextLines() if is_text else JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
