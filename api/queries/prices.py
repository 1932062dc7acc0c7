"""What a variant has cost at any time, the lowest price of thirty days, and what is scheduled."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query

from api.fields import SkuPath
from api.paging import Listed, Page
from api.price_life import PriceStanding, standings
from api.queries.routing import page_of, query_router, shown
from api.reading import Read, Reading
from api.security import Staff
from api.times import AsOf
from commands.claim import claims, sku_name
from commands.product import products
from commands.rejections import NotFound
from events.product import PriceChanged, VariantAdded
from events.store import Recorded
from infrastructure.event_store import stored_fact
from infrastructure.feed import STREAM
from infrastructure.positions import HEAD
from queries.price_schedule import PriceSchedule, open_schedules
from queries.rows import Money

router = query_router("/v1/variants", "catalog")

PRICING = [VariantAdded.__name__, PriceChanged.__name__]

_NOW, _WAS = {"amount": 1999, "currency": "USD"}, {"amount": 2499, "currency": "USD"}
_PRICE = {
    "price": _NOW,
    "previous": _WAS,
    "compare_at": _WAS,
    "schedule_id": "psc_01h455vb4pex5vsknk084sn02q",
    "occurred_at": "2026-05-01T12:00:00Z",
    "recorded_at": "2026-05-01T12:00:00Z",
    "actor": "system:deadlines",
    "version": 5,
    "position": 1042,
}
_STANDING = {
    "price": _NOW,
    "since": "2026-05-01T12:00:00Z",
    "compare_at": _WAS,
    "lowest_30_days": _NOW,
    "reduction": {"announced_at": "2026-05-01T12:00:00Z", "previous": _WAS, "lowest_before": _WAS},
}
_SCHEDULE = {
    "schedule_id": "psc_01h455vb4pex5vsknk084sn02q",
    "price": _NOW,
    "compare_at": None,
    "starts_at": "2026-05-01T12:00:00Z",
    "ends_at": "2026-05-08T12:00:00Z",
    "status": "running",
}


@dataclass(frozen=True, slots=True)
class Price:
    """The price in one currency from `occurred_at` on; `previous` is null for the first in that currency.
    `schedule_id` names the schedule that set it or brought it back."""

    price: Money
    previous: Money | None
    compare_at: Money | None
    schedule_id: str | None
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    version: int
    position: int


class PriceHistory(Page[Price]):
    """`prices`: each currency's price now, or as of the moment asked about. `schedules`: what waits or runs now."""

    prices: list[PriceStanding]
    schedules: list[PriceSchedule]


@router.get(
    "/{sku}/price-history",
    responses=shown({**page_of(_PRICE), "prices": [_STANDING], "schedules": [_SCHEDULE]}),
)
async def get_price_history(
    sku: SkuPath,
    read: Read,
    page: Listed,
    staff: Staff,
    as_of: Annotated[
        AsOf, Query(description="As it was known at this time (by `recorded_at`), or at this position of the book.")
    ] = None,
) -> PriceHistory:
    """Every price this variant has had, newest first, and of each currency the lowest of the last 30 days.

    `reduction.lowest_before` is what must be shown beside a reduced price in the European Union: the lowest in the 30
    days before the reduction was announced."""
    await read.seen(HEAD, "price_schedule")
    store = read.shop.store
    owner = (await read.shop.handler.read(claims(sku_name(sku)))).owner
    if owner is None:
        raise NotFound("variant", sku)
    stream = products(owner).stream
    known = {"known_by" if isinstance(as_of, datetime) else "until": as_of}
    listed = await page(
        STREAM,
        {"stream": stream, "types": PRICING, "sku": sku, **known},
        lambda row: _price(store.decode(stored_fact(row))),
    )
    facts = [fact for fact in await store.read([stream]) if _is_known(fact, as_of)]
    moment = await _moment(as_of, read)
    return PriceHistory(
        data=listed.data,
        page=listed.page,
        prices=standings(facts, sku, moment),
        schedules=await open_schedules(read.shop.pool, sku),
    )


def _price(fact: Recorded) -> Price:
    event = fact.event
    assert isinstance(event, VariantAdded | PriceChanged)
    was = event.previous if isinstance(event, PriceChanged) else None
    return Price(
        Money(event.price.amount, event.price.currency),
        Money(was.amount, was.currency) if was else None,
        Money(event.compare_at.amount, event.compare_at.currency) if event.compare_at else None,
        event.schedule_id if isinstance(event, PriceChanged) else None,
        fact.occurred_at,
        fact.recorded_at,
        fact.metadata.actor,
        fact.version,
        fact.position,
    )


def _is_known(fact: Recorded, as_of: int | datetime | None) -> bool:
    if as_of is None:
        return True
    return fact.recorded_at <= as_of if isinstance(as_of, datetime) else fact.position <= as_of


async def _moment(as_of: int | datetime | None, read: Reading) -> datetime:
    """A position stands for the time at which its fact was recorded."""
    if isinstance(as_of, datetime):
        return as_of
    there: list[Any] = [] if as_of is None else list(await read.shop.store.stored_all(as_of - 1, limit=1))
    return there[0].recorded_at if there else datetime.now(UTC)
