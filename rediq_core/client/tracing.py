"""The trace that a task is enqueued in, so that its run can continue it.

Only a program that uses OpenTelemetry and has a span open pays for it: nothing is imported here
that the program has not imported itself, and without a span tasks are stored as ever.
"""

from __future__ import annotations

import sys

from rediq_core.model.header import write_trace


def current_trace() -> str:
    """Return the current span as a task's header holds it; "" if there is none."""
    if "opentelemetry.trace" not in sys.modules:
        return ""
    # Deferred: loaded already, by the program; nobody else pays for it.
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    span = get_current_span().get_span_context()
    if not span.is_valid:
        return ""
    # https://www.w3.org/TR/trace-context/#traceparent-header, version 00
    parent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    return write_trace(parent, span.trace_state.to_header())
