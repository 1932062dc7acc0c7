"""What is in stock, and the facts behind every number."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from api.fields import LocationField, SkuPath
from api.paging import Listed, Page
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import Staff
from api.stock_life import ExplainedMovement, Movement, Sum, level_of, movement, stock_event
from api.times import AsOf
from commands.claim import claims, sku_name
from commands.location import all_locations
from commands.rejections import NotFound
from commands.stock import Stock, evolve, stocks
from events.store import Recorded
from events.values import DEFAULT_LOCATION, Sku
from infrastructure.event_store import MAX_VERSION, stored_fact
from infrastructure.feed import STREAM
from queries import stock_level
from queries.stock_level import STOCK_LEVELS, StockLevel

router = query_router("/v1/stock", "stock")

MAX_LIMIT = 1_000
FOLDED_AT_ONCE = 1_000

Location = Annotated[LocationField, Query()]
SkuPrefix = Annotated[
    str | None,
    Query(alias="filter[sku]", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="SKUs that begin like this."),
]

_LEVEL = {
    "sku": "MUG-S",
    "location": "main",
    "on_hand": 10,
    "reserved": 2,
    "available": 8,
    "threshold": 5,
    "low": False,
    "version": 2,
}
_MOVEMENT = {
    "version": 2,
    "type": "StockReserved",
    "on_hand": 0,
    "reserved": 2,
    "order_id": "ord_01h455vb4pex5vsknk084sn02q",
    "note": "",
    "occurred_at": "2026-05-01T12:00:00Z",
    "recorded_at": "2026-05-01T12:00:00Z",
    "actor": "usr_01h455vb4pex5vsknk084sn02q",
    "command": "PlaceOrder",
    "request_id": "req_01h455vb4pex5vsknk084sn02q",
    "position": 1042,
}
_SUM = {"facts": 2, "on_hand": 10, "reserved": 2, "available": 8}
_EXPLAINED = {
    **_LEVEL,
    "agrees": True,
    "sums": _SUM,
    "by_type": {"StockReceived": {"facts": 1, "on_hand": 10, "reserved": 0, "available": 10}},
    "data": [{**_MOVEMENT, "on_hand_after": 10, "reserved_after": 2, "available_after": 8}],
    "page": {"next_after": 2, "has_more": False},
}


class VersionPage(BaseModel):
    next_after: Annotated[int, Field(description="Send it as `after` to go on.")]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Explained(StockLevel):
    """The number, the facts behind it, and the proof: `sums` is over all of them, whatever page is shown."""

    agrees: Annotated[bool, Field(description="Whether the facts add up to the number.")]
    sums: Sum
    by_type: dict[str, Sum]
    data: list[ExplainedMovement]
    page: VersionPage


@router.get("", responses=shown(page_of(_LEVEL)))
async def list_stock(
    read: Read,
    page: Listed,
    staff: Staff,
    low: Annotated[bool | None, Query(alias="filter[low]", description="What is running out, or what is not.")] = None,
    sku: SkuPrefix = None,
    location: Annotated[LocationField | None, Query(alias="filter[location]")] = None,
) -> Page[StockLevel]:
    """All SKUs that ever were in stock, at each of their locations, by name."""
    await read.seen("stock_level")
    lowness = {} if low is None else {"low" if low else "not_low": True}
    return await page(STOCK_LEVELS, {**lowness, "sku": sku, "location": location}, stock_level.from_row)


@router.get("/{sku}", responses=shown(_LEVEL))
async def get_stock(sku: SkuPath, read: Read, staff: Staff, location: Location = DEFAULT_LOCATION) -> StockLevel:
    """At one location; `GET /v1/stock?filter[sku]=...` tells of all of them."""
    level = await _level(sku, location, read)
    read.tagged(level.version)
    return level


@router.get("/{sku}/movements", responses=shown(page_of(_MOVEMENT)))
async def list_movements(
    sku: SkuPath, read: Read, page: Listed, staff: Staff, location: Location = DEFAULT_LOCATION
) -> Page[Movement]:
    """Every fact about this stock, newest first."""
    await _level(sku, location, read)
    store, stream = read.shop.store, stocks(sku, location).stream
    return await page(STREAM, {"stream": stream}, lambda row: movement(store.decode(stored_fact(row))))


@router.get("/{sku}/explain", responses=shown(_EXPLAINED))
async def explain_stock(
    sku: SkuPath,
    read: Read,
    staff: Staff,
    location: Location = DEFAULT_LOCATION,
    after: Annotated[int, Query(ge=0, le=MAX_VERSION, description="Show the facts beyond this version.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = MAX_LIMIT,
    as_of: Annotated[
        AsOf, Query(description="As it was known at this time (by `recorded_at`), or at this position of the book.")
    ] = None,
) -> Explained:
    """Why the number is what it is, or was: the facts, oldest first, with the balance after each, and the proof that
    all of them add up to it."""
    level, folded, version = await _level(sku, location, read), Stock(), 0
    sums, by_type = Sum(), defaultdict[str, Sum](Sum)
    data: list[ExplainedMovement] = []
    async for fact in _facts(level, read):
        if not _known(fact, as_of):
            break
        move, version = movement(fact), fact.version
        sums.add(move)
        by_type[move.type].add(move)
        if as_of is not None:
            folded = evolve(folded, stock_event(fact))
        if version > after and len(data) < limit:
            data.append(ExplainedMovement(**asdict(move), **sums.after()))
    if as_of is not None:
        level = level_of(folded, sku, location, version)
    last = data[-1].version if data else after
    proven = (sums.facts, sums.on_hand, sums.reserved, sums.available)
    return Explained(
        **asdict(level),
        agrees=proven == (level.version, level.on_hand, level.reserved, level.available),
        sums=sums,
        by_type=dict(by_type),
        data=data,
        page=VersionPage(next_after=last, has_more=last < level.version),
    )


async def _level(sku: Sku, location: str, read: Read) -> StockLevel:
    """Zeros for what is in the catalog and never was in stock there. Raises NotFound."""
    await read.seen("stock_level")
    level = await stock_level.stock_level(read.shop.pool, sku, location)
    if level is not None:
        return level
    if (await read.shop.handler.read(claims(sku_name(sku)))).owner is None:
        raise NotFound("variant", sku)
    if location != DEFAULT_LOCATION and location not in (await read.shop.handler.read(all_locations)).others:
        raise NotFound("stock location", location)
    return level_of(Stock(), sku, location, version=0)


async def _facts(level: StockLevel, read: Read) -> AsyncIterator[Recorded]:
    """Page by page, since a popular SKU has many."""
    store, stream = read.shop.store, stocks(level.sku, level.location).stream
    for after in range(0, level.version, FOLDED_AT_ONCE):
        page = await store.stored_stream(stream, after=after, until=min(level.version, after + FOLDED_AT_ONCE))
        for stored in page:
            yield store.decode(stored)


def _known(fact: Recorded, as_of: int | datetime | None) -> bool:
    if as_of is None:
        return True
    return fact.recorded_at <= as_of if isinstance(as_of, datetime) else fact.position <= as_of
