"""One order is one trace: the request, the append, the pages that project it, and the reactions that follow."""

from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind

from api.app import create_app
from api.wiring import open_shop
from events.claim import NameClaimed
from events.store import Append, Metadata
from infrastructure.settings import Settings
from infrastructure.tracing import Tracing, open_tracing
from tests.e2e.shop_client import ShopClient
from tests.waiting import eventually

CALLER_TRACE, CALLER_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"}


@pytest.fixture(scope="module")
def kept(database_url: str) -> InMemorySpanExporter:
    """One for each pair of servers: it ends with the shop that it belongs to."""
    return InMemorySpanExporter()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traced(settings: Settings, kept: InMemorySpanExporter) -> AsyncIterator[ShopClient]:
    """A shop whose spans are kept in memory."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    async with open_shop(settings, workers=True, tracing=Tracing(provider)) as shop:
        app = create_app(settings, shop)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://t") as http,
        ):
            yield ShopClient(app, http)
    provider.shutdown()


def spans(kept: InMemorySpanExporter, trace: str) -> dict[str, list[ReadableSpan]]:
    """Those that belong to a trace or are linked with it, by name."""
    found: dict[str, list[ReadableSpan]] = {}
    for span in kept.get_finished_spans():
        contexts = [context_of(span), *(link.context for link in span.links)]
        if any(f"{context.trace_id:032x}" == trace for context in contexts):
            found.setdefault(span.name, []).append(span)
    return found


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


async def test_an_order_is_one_trace_from_the_request_into_the_read_tables(
    traced: ShopClient, kept: InMemorySpanExporter
) -> None:
    ann, product = await traced.customer(), await traced.product()
    await ann.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
    placed = await ann.post("/v1/orders", headers=CALLER)
    order_id, position = placed.json()["order_id"], int(placed.headers["Commit-Position"])

    async def projected() -> bool:
        return "project page" in spans(kept, CALLER_TRACE)

    await eventually(projected)
    found = spans(kept, CALLER_TRACE)
    [request], [append] = found["POST /v1/orders"], found["append"]
    assert (request.kind, request.parent and f"{request.parent.span_id:016x}") == (SpanKind.SERVER, CALLER_SPAN)
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 201
    assert append.parent == context_of(request)
    assert append.attributes is not None
    assert (append.attributes["daybook.command"], append.attributes["daybook.position"]) == ("PlaceOrder", position)
    facts = await traced.shop.store.stored_stream(f"order-{order_id}")
    origin = f"00-{CALLER_TRACE}-{context_of(request).span_id:016x}-01"
    assert f'"traceparent":"{origin}"'.encode() in facts[0].metadata
    pages = found["project page"]
    assert all(context_of(request).span_id in [link.context.span_id for link in page.links] for page in pages)
    moved = {name for page in pages for name in page.attributes["daybook.projections"]}  # type: ignore[index, union-attr]
    assert {"order_summary", "stock_level", "sale"} <= moved


async def test_what_follows_from_it_belongs_to_it(traced: ShopClient, kept: InMemorySpanExporter) -> None:
    ann, product = await traced.customer(), await traced.product()
    order_id = await traced.order(ann, {product.sku: 1})
    trace = "a" * 32
    asked = await ann.post(
        f"/v1/orders/{order_id}/pay", {"method": "tok_approve"}, headers={"traceparent": f"00-{trace}-{'b' * 16}-01"}
    )
    assert asked.status_code in (200, 202)

    async def captured() -> bool:
        found = spans(kept, trace)
        return len(found.get("append", ())) >= 2 and "react PaymentRequested" in found  # which ends after its append

    await eventually(captured)
    found = spans(kept, trace)
    [request], [reaction] = found["POST /v1/orders/{order_id}/pay"], found["react PaymentRequested"]
    asking, capturing = sorted(found["append"], key=lambda span: span.start_time or 0)[:2]
    assert asking.parent == context_of(request)
    assert reaction.parent is not None
    assert reaction.parent.span_id == context_of(request).span_id
    assert capturing.parent == context_of(reaction)


async def test_a_page_of_many_traces_is_linked_with_each(traced: ShopClient, kept: InMemorySpanExporter) -> None:
    kept.clear()
    tracing = traced.shop.tracing
    assert tracing is not None
    origins = [f"00-{n:032x}-{n:016x}-01" for n in (1, 2, 2)]
    with tracing.page(["sale"], origins, 9):
        pass
    with tracing.page(["sale"], [], 9):
        pass
    many, none = kept.get_finished_spans()
    assert [link.context.trace_id for link in many.links] == [1, 2]
    assert (many.parent, none.parent, list(none.links)) == (None, None, [])


async def test_a_request_that_fails_says_so(
    traced: ShopClient, kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.clear()
    assert (await traced.http.get("/v1/products/prd_none")).status_code == 404

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("queries.product.product", broken)
    assert (await traced.http.get("/v1/products/prd_none")).status_code == 500
    missing, failed = [span for span in kept.get_finished_spans() if span.kind is SpanKind.SERVER]
    assert (missing.status.is_ok or missing.status.is_unset, failed.status.is_ok) == (True, False)


async def test_without_a_place_to_send_them_there_are_no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    async with open_tracing() as tracing:
        assert tracing is None


@pytest.fixture
def collector() -> Iterator[tuple[str, list[str]]]:
    """The address of a collector, and the paths that something was sent to."""
    sent: list[str] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            sent.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()
        thread.join()


async def test_traces_go_where_the_standard_variable_says(
    collector: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, sent = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    async with open_tracing() as tracing:
        assert tracing is not None
        with tracing.append(Append([NameClaimed("n", "me")], metadata=Metadata(command="Claim"))):
            assert tracing.traceparent() != ""
        assert tracing.traceparent() == ""
    assert sent == ["/v1/traces"]
