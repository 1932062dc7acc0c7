"""OpenTelemetry traces, where an exporter is configured: from the request through the append to those who read it.

What ties them together is the `traceparent` (W3C Trace Context) that every fact keeps in its metadata. Spans hold no
personal data: routes, commands, types and positions, never bodies or query strings.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import structlog

from events.store import Append, Appended, Outcome, told
from infrastructure.committer import Committer
from infrastructure.database import Pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import Positions
from infrastructure.vault import Vault

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LINKS_MAX = 100
FLUSH_S = 3.0

log = structlog.get_logger(__name__)


class Tracing:
    """Makes the spans. `provider` is OpenTelemetry's."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace, self._tracer = trace, provider.get_tracer("daybook")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, method: str, traceparent: str) -> "Iterator[Span]":
        """Goes on with the caller's trace, if there is one."""
        with self._tracer.start_as_current_span(
            method, self._context(traceparent), self._trace.SpanKind.SERVER, {"http.request.method": method}
        ) as span:
            yield span

    @contextmanager
    def append(self, append: Append) -> "Iterator[Span]":
        with self._tracer.start_as_current_span("append", kind=self._trace.SpanKind.CLIENT) as span:
            types = sorted({type(event).__name__ for event in append.events})
            span.set_attributes(
                {
                    "daybook.command": append.metadata.command,
                    "daybook.facts": len(append.events),
                    "daybook.types": types,
                }
            )
            yield span

    @contextmanager
    def page(self, projections: Sequence[str], traceparents: Collection[str], facts: int) -> Iterator[None]:
        """Linked with the traces that the facts come from; if that is one only, part of it."""
        contexts = [self._context(each) for each in list(dict.fromkeys(traceparents))[:LINKS_MAX]]
        origins = [self._trace.get_current_span(each).get_span_context() for each in contexts]
        one = len({origin.trace_id for origin in origins}) == 1
        with self._tracer.start_as_current_span(
            "project page",
            contexts[0] if one else self._context(""),
            self._trace.SpanKind.CONSUMER,
            {"daybook.projections": list(projections), "daybook.facts": facts},
            [self._trace.Link(origin) for origin in origins if origin.is_valid],
        ):
            yield

    @contextmanager
    def reaction(self, to: str, position: int, traceparent: str) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            f"react {to}", self._context(traceparent), self._trace.SpanKind.CONSUMER, {"daybook.position": position}
        ):
            yield

    def failed(self, span: "Span") -> None:
        span.set_status(self._trace.StatusCode.ERROR)

    def traceparent(self) -> str:
        """Of the span that we are in, for those who go on from here; empty outside of any."""
        context = self._trace.get_current_span().get_span_context()
        if not context.is_valid:
            return ""
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def _context(self, traceparent: str) -> "Context":
        """Of a caller somewhere else, whatever span we are in."""
        from opentelemetry.context import Context

        return self._propagator.extract({"traceparent": traceparent}, Context())


class TracedEventStore(PostgresEventStore):
    """The event store with a span around each append: from asking for it to knowing that it is stored."""

    def __init__(
        self, pool: Pool, committer: Committer, positions: Positions, vault: Vault | None, tracing: Tracing
    ) -> None:
        super().__init__(pool, committer, positions, vault)
        self._tracing = tracing

    async def append(self, append: Append) -> Appended:
        with self._tracing.append(append) as span:
            appended = await super().append(append)
            span.set_attribute("daybook.position", appended.position)
            return appended

    def send(self, append: Append, tell: Callable[[Outcome], None]) -> None:
        told(self.append(append), tell)


@asynccontextmanager
async def open_tracing() -> AsyncIterator[Tracing | None]:
    """As the standard variables of OpenTelemetry say; None if they name no place to send traces to."""
    if not any(os.environ.get(name) for name in ENDPOINTS) or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("tracing_not_installed", hint="pip install 'daybook[otel]'")
        yield None
        return
    ours = Resource.create({SERVICE_NAME: "daybook"})
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield Tracing(provider)
    finally:
        # A collector that is away must not hold up the end.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, FLUSH_S)
