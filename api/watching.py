"""Counts every request, and traces it where tracing is on: the outermost layer of the app."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.scopes import trace_of
from api.wiring import Shop
from infrastructure.metrics import METHODS
from infrastructure.tracing import Tracing


class Watching:
    """Pure ASGI, since it stands around every request, streams included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shop: Shop = scope["app"].state.shop
        if shop.tracing is None:
            await self._counted(shop, scope, receive, send)
        else:
            await self._traced(shop, shop.tracing, scope, receive, send)

    async def _counted(self, shop: Shop, scope: Scope, receive: Receive, send: Send) -> int:
        began = time.perf_counter()
        status, took_s = 500, 0.0

        async def noted(message: Message) -> None:
            nonlocal status, took_s
            if message["type"] == "http.response.start":
                status, took_s = message["status"], time.perf_counter() - began
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            shop.metrics.request(scope["method"], _route(scope), status, took_s or time.perf_counter() - began)
        return status

    async def _traced(self, shop: Shop, tracing: Tracing, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"] if scope["method"] in METHODS else "HTTP"
        with tracing.request(method, trace_of(scope)) as span:
            # Whatever is done and written from here on belongs to this span, and not to its caller's.
            others = [(name, value) for name, value in scope["headers"] if name != b"traceparent"]
            scope["headers"] = [*others, (b"traceparent", tracing.traceparent().encode())]
            del scope["sent_headers"]
            status = await self._counted(shop, scope, receive, send)
            if (route := _route(scope)) is not None:
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                tracing.failed(span)


def _route(scope: Scope) -> str | None:
    """The template, such as `/v1/orders/{order_id}`."""
    return getattr(scope.get("route"), "path", None)
