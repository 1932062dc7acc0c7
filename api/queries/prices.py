"""What a variant has cost at any time: every price is a fact."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.fields import SkuPath
from api.paging import Listed, Page
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import Staff
from commands.claim import claims, sku_name
from commands.product import products
from commands.rejections import NotFound
from events.product import PriceChanged, VariantAdded
from infrastructure.event_store import stored_fact
from infrastructure.feed import STREAM
from infrastructure.positions import HEAD
from queries.rows import Money

router = query_router("/v1/variants", "catalog")

PRICING = [VariantAdded.__name__, PriceChanged.__name__]

_PRICE = {
    "price": {"amount": 1999, "currency": "USD"},
    "previous": {"amount": 2499, "currency": "USD"},
    "occurred_at": "2026-05-01T12:00:00Z",
    "recorded_at": "2026-05-01T12:00:00Z",
    "actor": "usr_01h455vb4pex5vsknk084sn02q",
    "version": 5,
    "position": 1042,
}


@dataclass(frozen=True, slots=True)
class Price:
    """The price in one currency from `occurred_at` on; `previous` is null for the first in that currency."""

    price: Money
    previous: Money | None
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    version: int
    position: int


@router.get("/{sku}/price-history", responses=shown(page_of(_PRICE)))
async def get_price_history(sku: SkuPath, read: Read, page: Listed, staff: Staff) -> Page[Price]:
    """Every price this variant has had, newest first."""
    await read.seen(HEAD)
    store = read.shop.store
    owner = (await read.shop.handler.read(claims(sku_name(sku)))).owner
    if owner is None:
        raise NotFound("variant", sku)

    def price(row: Any) -> Price:
        fact = store.decode(stored_fact(row))
        event = fact.event
        assert isinstance(event, VariantAdded | PriceChanged)
        was = event.previous if isinstance(event, PriceChanged) else None
        return Price(
            Money(event.price.amount, event.price.currency),
            Money(was.amount, was.currency) if was else None,
            fact.occurred_at,
            fact.recorded_at,
            fact.metadata.actor,
            fact.version,
            fact.position,
        )

    filters = {"stream": products(owner).stream, "types": PRICING, "sku": sku}
    return await page(STREAM, filters, price)
