"""What is in stock, and the facts behind every number."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from api.fields import SkuPath
from api.paging import Listed, Page
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import Staff
from commands.claim import claims, sku_name
from commands.rejections import NotFound
from commands.stock import stocks
from events.stock import StockEvent
from events.store import Recorded
from events.values import DEFAULT_LOCATION, Sku
from infrastructure.event_store import MAX_VERSION, stored_fact
from infrastructure.feed import STREAM
from projections.stock_level import moved
from queries import stock_level
from queries.stock_level import STOCK_LEVELS, StockLevel

router = query_router("/v1/stock", "stock")

MAX_LIMIT = 1_000
FOLDED_AT_ONCE = 1_000

_LEVEL = {"sku": "MUG-S", "location": "main", "on_hand": 10, "reserved": 2, "available": 8, "version": 2}
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
_SUM = {"facts": 2, "on_hand": 10, "reserved": 2}
_EXPLAINED = {
    **_LEVEL,
    "agrees": True,
    "sums": _SUM,
    "by_type": {"StockReceived": {"facts": 1, "on_hand": 10, "reserved": 0}},
    "data": [{**_MOVEMENT, "on_hand_after": 10, "reserved_after": 2}],
    "page": {"next_after": 2, "has_more": False},
}


@dataclass(frozen=True, slots=True)
class Movement:
    """A fact about the stock: by how much it moved what is on hand and what is reserved, and on whose behalf."""

    version: int
    type: str
    on_hand: int
    reserved: int
    order_id: str | None
    note: Annotated[str, Field(description="The reference of a receipt, or the reason of an adjustment or release.")]
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    command: str
    request_id: str
    position: int


@dataclass(frozen=True, slots=True)
class ExplainedMovement(Movement):
    on_hand_after: int
    reserved_after: int


@dataclass(slots=True)
class Sum:
    facts: int = 0
    on_hand: int = 0
    reserved: int = 0

    def add(self, movement: Movement) -> None:
        self.facts += 1
        self.on_hand += movement.on_hand
        self.reserved += movement.reserved


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
async def list_stock(read: Read, page: Listed, staff: Staff) -> Page[StockLevel]:
    """All SKUs that ever were in stock, by name."""
    await read.seen("stock_level")
    return await page(STOCK_LEVELS, {}, stock_level.from_row)


@router.get("/{sku}", responses=shown(_LEVEL))
async def get_stock(sku: SkuPath, read: Read, staff: Staff) -> StockLevel:
    level = await _level(sku, read)
    read.tagged(level.version)
    return level


@router.get("/{sku}/movements", responses=shown(page_of(_MOVEMENT)))
async def list_movements(sku: SkuPath, read: Read, page: Listed, staff: Staff) -> Page[Movement]:
    """Every fact about this stock, newest first."""
    await _level(sku, read)
    store, stream = read.shop.store, stocks(sku, DEFAULT_LOCATION).stream
    return await page(STREAM, {"stream": stream}, lambda row: _movement(store.decode(stored_fact(row))))


@router.get("/{sku}/explain", responses=shown(_EXPLAINED))
async def explain_stock(
    sku: SkuPath,
    read: Read,
    staff: Staff,
    after: Annotated[int, Query(ge=0, le=MAX_VERSION, description="Show the facts beyond this version.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = MAX_LIMIT,
) -> Explained:
    """Why the number is what it is: the facts, oldest first, with the balance after each, and the proof that all of
    them add up to it."""
    level = await _level(sku, read)
    sums, by_type = Sum(), defaultdict[str, Sum](Sum)
    data: list[ExplainedMovement] = []
    async for fact in _facts(sku, level.version, read):
        movement = _movement(fact)
        sums.add(movement)
        by_type[movement.type].add(movement)
        if movement.version > after and len(data) < limit:
            data.append(ExplainedMovement(**asdict(movement), on_hand_after=sums.on_hand, reserved_after=sums.reserved))
    last = data[-1].version if data else after
    return Explained(
        **asdict(level),
        agrees=(sums.facts, sums.on_hand, sums.reserved) == (level.version, level.on_hand, level.reserved),
        sums=sums,
        by_type=dict(by_type),
        data=data,
        page=VersionPage(next_after=last, has_more=last < level.version),
    )


async def _level(sku: Sku, read: Read) -> StockLevel:
    """Zeros for what is in the catalog and never was in stock. Raises NotFound."""
    await read.seen("stock_level")
    level = await stock_level.stock_level(read.shop.pool, sku, DEFAULT_LOCATION)
    if level is None and (await read.shop.handler.read(claims(sku_name(sku)))).owner is None:
        raise NotFound("variant", sku)
    return level or StockLevel(sku, DEFAULT_LOCATION, 0, 0, 0, 0)


async def _facts(sku: Sku, until: int, read: Read) -> AsyncIterator[Recorded]:
    """Page by page, since a popular SKU has many."""
    store, stream = read.shop.store, stocks(sku, DEFAULT_LOCATION).stream
    for after in range(0, until, FOLDED_AT_ONCE):
        page = await store.stored_stream(stream, after=after, until=min(until, after + FOLDED_AT_ONCE))
        for stored in page:
            yield store.decode(stored)


def _movement(fact: Recorded) -> Movement:
    event: StockEvent = fact.event  # type: ignore[assignment]
    on_hand, reserved = moved(event)
    return Movement(
        fact.version,
        type(event).__name__,
        on_hand,
        reserved,
        getattr(event, "order_id", None),
        getattr(event, "reason", "") or getattr(event, "reference", ""),
        fact.occurred_at,
        fact.recorded_at,
        fact.metadata.actor,
        fact.metadata.command,
        fact.metadata.request_id,
        fact.position,
    )
