"""One OpenTelemetry span a run, in the trace of whoever enqueued the task.

Clients write the W3C trace context of the span they are called in into the task; this middleware
continues it around the handler. So a request, the tasks it enqueued, and the tasks these enqueued
are one trace, over queues, retries and processes. Needs the extra `otel`; nothing of it is imported
before this module is. Spans go wherever the program sends them: this configures no exporter.

Example:
    mux.use(TracingMiddleware())
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rediq_core.errors import ConfigError
from rediq_core.handlers.context import Context
from rediq_core.handlers.groups import Member
from rediq_core.handlers.middleware import CallNext
from rediq_core.handlers.outcomes import error_name
from rediq_core.handlers.signals import Snooze
from rediq_core.handlers.tracebacks import message_of
from rediq_core.model.claimed import ClaimedTask
from rediq_core.model.header import TRACE_PARENT, TRACE_STATE

try:
    from opentelemetry.context import Context as Carried
    from opentelemetry.trace import (
        Link,
        Span,
        SpanKind,
        StatusCode,
        TracerProvider,
        get_current_span,
        get_tracer,
    )
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as missing:
    raise ConfigError(
        "OpenTelemetry is not installed.",
        cause=f"{missing}.",
        next_step="Install it: pip install 'rediq[otel]'",
    ) from missing

# Characters of an error's text that a span keeps.
_SHOWN_CHARACTERS = 500
_W3C = TraceContextTextMapPropagator()


class TracingMiddleware:
    """Run each handler in a span of its own.

    The span is a consumer's, named "process TYPE", with queue, id, attempt and wait as attributes.
    A failed run has the status ERROR and the exception; one that is snoozed or handed back has not.
    A group's span continues its first member's trace and links those of the others.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        """Take a tracer; without a provider that of the program, also one that is set later."""
        self._tracer = get_tracer("rediq", tracer_provider=tracer_provider)

    async def __call__(self, ctx: Context, call_next: CallNext) -> object:
        """Run the handler inside a span."""
        task = ctx.task
        with self._tracer.start_as_current_span(
            f"process {task.type}",
            _trace_of(task),
            SpanKind.CONSUMER,
            _attributes(task),
            _links(ctx),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                return await call_next(ctx)
            except BaseException as error:
                _note(span, ctx, error)
                raise


def _trace_of(task: ClaimedTask) -> Carried:
    extra = task.extra if task.options_json else {}
    headers = {name: extra.get(name) for name in (TRACE_PARENT, TRACE_STATE)}
    # Begun from nothing, not from the current context: a slot runs one task after another.
    return _W3C.extract({k: v for k, v in headers.items() if isinstance(v, str)}, Carried())


def _attributes(task: ClaimedTask) -> dict[str, str | int]:
    # https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
    return {
        "messaging.system": "rediq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": task.queue,
        "messaging.message.id": task.id,
        "rediq.task.type": task.type,
        "rediq.task.attempt": task.attempt,
        "rediq.task.wait_ms": max(task.claimed_ms - task.ready_ms, 0),
    }


def _links(ctx: Context) -> Sequence[Link]:
    others = [member.task for member in ctx.members[1:] if isinstance(member, Member)]
    spans = (get_current_span(_trace_of(task)).get_span_context() for task in others)
    return [Link(span) for span in spans if span.is_valid]


def _note(span: Span, ctx: Context, error: BaseException) -> None:
    if isinstance(error, Snooze):
        span.add_event("snoozed", {"reason": error.reason, "delay_ms": error.delay_ms})
    elif isinstance(error, asyncio.CancelledError):
        reason = ctx.cancel_reason or ""
        span.set_attribute("rediq.cancel_reason", reason)
        if reason == "timeout":
            span.set_status(StatusCode.ERROR, "timeout")
    else:
        span.record_exception(error)
        text = f"{error_name(error)}: {message_of(error, _SHOWN_CHARACTERS)}"
        span.set_status(StatusCode.ERROR, text)
