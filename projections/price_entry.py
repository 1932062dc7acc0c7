"""What each SKU costs from when on: an entry per price that was set."""

from datetime import datetime
from typing import NamedTuple

from events.product import PriceChanged, VariantAdded
from events.store import Fact
from projections.projection import Key, Projection


class PriceEntryRow(NamedTuple):
    position: int
    sku: str
    currency: str
    price_minor: int
    at: datetime


def evolve(row: PriceEntryRow | None, fact: Fact[VariantAdded | PriceChanged], key: Key) -> PriceEntryRow:
    event = fact.event
    return PriceEntryRow(fact.position, event.sku, event.price.currency, event.price.amount, fact.occurred_at)


price_entry = Projection(
    "price_entry",
    PriceEntryRow,
    ("position",),
    (VariantAdded, PriceChanged),
    lambda event: [()],
    evolve,
    journal=True,
)
