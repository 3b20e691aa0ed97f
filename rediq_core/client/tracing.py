"""The trace that a task is enqueued in, so that its run can continue it.

Only a program that uses OpenTelemetry and has a span open pays for it: nothing is imported here
that the program has not imported itself, and without a span tasks are stored as ever.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from rediq_core.model.header import write_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span


def current_trace() -> str:
    """Return the current span as a task's header holds it; "" if there is none."""
    if "opentelemetry.trace" not in sys.modules:
        return ""
    find_span, no_span = _look()
    span = find_span()
    if span is no_span:
        return ""
    context = span.get_span_context()
    if not context.is_valid:
        return ""
    # https://www.w3.org/TR/trace-context/#traceparent-header, version 00
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return write_trace(parent, context.trace_state.to_header())


@cache
def _look() -> tuple[Callable[[], Span], Span]:
    """Return what finds the current span, and what it finds where there is none."""
    # Deferred: loaded already, by the program; nobody else pays for it.
    from opentelemetry.trace import INVALID_SPAN, get_current_span  # noqa: PLC0415

    return get_current_span, INVALID_SPAN
