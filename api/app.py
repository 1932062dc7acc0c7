"""The web application: routers, problems and what stands around every request, joined to an open shop."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.cors import CORSMiddleware

from api import commands, ops, pages, problems, queries
from api.audited import turned_away
from api.edge import Edge
from api.openapi import completed
from api.straight import StraightApp
from api.watching import Watching
from api.wiring import Shop, open_shop
from infrastructure.setting_forms import listed
from infrastructure.settings import Settings

VERSION = "0.1.0"
STREAMED = frozenset({"/v1/products/import"})
SHOWN_TO_PAGES = ["Commit-Position", "ETag", "Location", "Link", "Projection-Position", "Request-Id", "Retry-After"]
SHOWN_TO_PAGES += ["X-Cart-Token", "Idempotent-Replayed", "RateLimit", "RateLimit-Policy"]
"""Headers that a browser lets a web page from elsewhere read."""
OURS: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""Traces and metrics are made by our own layers; asking what others have set up takes a while each time."""
DESCRIPTION = """A headless shop that keeps a book of original entry: every change is a fact, and every figure can be
traced to the facts behind it. Commands answer with `Commit-Position`; queries take `Min-Position` to read what was
just written. Errors are `application/problem+json`. Amounts are integer minor units."""


def create_app(settings: Settings, shop: Shop | None = None) -> FastAPI:
    """The app in front of an open shop; without one, it opens its own when it is started, and drains it at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.shop = shop or await stack.enter_async_context(
                open_shop(settings, workers=settings.workers_in_process)
            )
            yield

    app = _Application(
        title="Daybook",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry=OURS,
        docs_url=None,  # see pages.py
        redoc_url=None,
    )
    problems.install(app, turned_away)
    for router in (*commands.ROUTERS, *queries.ROUTERS, ops.router, pages.router):
        # Routers that are included are searched twice for each request; they have nothing but their routes.
        app.router.routes.extend(router.routes)
    app.add_middleware(Edge, settings, streamed=STREAMED)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=listed(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=SHOWN_TO_PAGES,
            max_age=600,
        )
    app.add_middleware(Watching)
    return app


class _Application(StraightApp):
    """Its OpenAPI document says what is common to all paths, too."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema
