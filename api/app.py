"""The web application: routers, problems and what stands around every request, joined to an open shop."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from api import commands, openapi, ops, problems, queries
from api.audited import turned_away
from api.edge import Edge
from api.heads import Heads
from api.hygiene import Hygiene
from api.limited import Limited
from api.warm import Warm
from api.watching import Watching
from api.wiring import Shop, open_shop
from infrastructure.near_cache import COMPRESSED_FROM_BYTES
from infrastructure.setting_forms import listed
from infrastructure.settings import Settings

VERSION = "0.1.0"
STREAMED = frozenset({"/v1/products/import"})
SHOWN_TO_PAGES = ["Commit-Position", "ETag", "Location", "Link", "Projection-Position", "Request-Id", "Retry-After"]
SHOWN_TO_PAGES += ["X-Cart-Token", "Idempotent-Replayed", "RateLimit", "RateLimit-Policy"]
"""Headers that a browser lets a web page from elsewhere read."""
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

    app = FastAPI(title="Daybook", version=VERSION, description=DESCRIPTION, lifespan=lifespan)
    problems.install(app, turned_away)
    openapi.install(app)
    for router in (*commands.ROUTERS, *queries.ROUTERS, ops.router):
        # Routers that are included are searched twice for each request; they have nothing but their routes.
        app.router.routes.extend(router.routes)
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM_BYTES)
    app.add_middleware(Heads)
    app.add_middleware(Limited, settings=settings)
    app.add_middleware(Edge, body_limit_bytes=settings.request_body_limit_bytes, streamed=STREAMED)
    app.add_middleware(Warm)
    app.add_middleware(Hygiene, hosts=listed(settings.allowed_hosts))
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
