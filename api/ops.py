"""For those who run the service: is it alive, is it ready, and what do its problems mean."""

import asyncio
import secrets
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic_core import to_json

from api.problem_catalog import CATALOG
from api.problems import Problem
from api.wiring import Shop
from infrastructure.book_metrics import BookMetrics
from infrastructure.database import UNREACHABLE
from infrastructure.source_hash import sources
from projections import PROJECTIONS
from queries.projection import ProjectionState, projections

SCRAPE_S = 2.0
"""A database that is slow to answer must not take the other figures with it."""

router = APIRouter(tags=["ops"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/health/ready")
async def ready(request: Request) -> Response:
    """Migrated and connected. Redis may be away: answers are right without it, only slower."""
    shop: Shop = request.app.state.shop
    try:
        async with asyncio.timeout(SCRAPE_S):  # reads wait for a database that is away; who asks this wants to know
            head, states = await shop.store.head(), await projections(shop.pool, sources(PROJECTIONS))
    except UNREACHABLE:
        raise Problem(503, "unavailable", "The database cannot be reached.") from None
    body: dict[str, Any] = {
        "status": "degraded" if any(state.troubled for state in states) else "ok",
        "database": "ok",
        "redis": "ok" if await shop.cache.alive() else "away",
        "head": head,
        "projections": [_told_to_anyone(state) for state in states],
    }
    return Response(to_json(body), media_type="application/json")


def _told_to_anyone(state: ProjectionState) -> dict[str, Any]:
    """Without the names of our machines and without errors that quote what is stored: those are for admins."""
    told = asdict(state)
    del told["owner"], told["last_error"]
    return told | {"troubled": state.troubled}


@router.get("/", include_in_schema=False)
async def root() -> dict[str, str]:
    """Where to go from here."""
    return {
        "name": "Daybook",
        "docs": "/docs",
        "redoc": "/redoc",
        "openapi": "/openapi.json",
        "health": "/health/ready",
    }


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, authorization: Annotated[str | None, Header()] = None) -> Response:
    """What this service counts, in the text format of Prometheus. See docs/operations.md."""
    shop: Shop = request.app.state.shop
    token = shop.settings.metrics_token
    if token is not None:
        given = (authorization or "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), token.get_secret_value().encode()):
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "unauthorized", "This needs the token for metrics.", headers=headers)
    try:
        async with asyncio.timeout(SCRAPE_S):
            book = BookMetrics(await shop.store.head(), await projections(shop.pool))
    except UNREACHABLE:
        book = BookMetrics(None, ())
    body, media_type = await asyncio.to_thread(shop.metrics.exposed, request.headers.get("accept", ""), book)
    return Response(body, media_type=media_type)


@router.get("/problems/{code}", response_class=HTMLResponse, include_in_schema=False)
async def problem_page(code: str) -> str:
    """What the `type` of a problem points to."""
    if code not in CATALOG:
        raise Problem(404, "not_found", "There is no such problem.")
    title, advice = CATALOG[code]
    return f"<!doctype html><title>{title}</title><h1>{title}</h1><p><code>{code}</code></p><p>{advice}</p>"
