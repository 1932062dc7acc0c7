"""What a product costs, from and to, in each currency it is sold in: by this, lists filter and sort."""

from typing import NamedTuple

from events.product import PriceChanged, VariantAdded
from events.store import Fact
from projections.projection import Key, Projection


class ListingPriceRow(NamedTuple):
    product_id: str
    currency: str
    by_sku: dict[str, int]
    min_minor: int
    max_minor: int


def evolve(row: ListingPriceRow | None, fact: Fact[VariantAdded | PriceChanged], key: Key) -> ListingPriceRow:
    event = fact.event
    by_sku = {**({} if row is None else row.by_sku), event.sku: event.price.amount}
    return ListingPriceRow(key[0], key[1], by_sku, min(by_sku.values()), max(by_sku.values()))


listing_price = Projection(
    "listing_price",
    ListingPriceRow,
    ("product_id", "currency"),
    (VariantAdded, PriceChanged),
    lambda event: [(event.product_id, event.price.currency)],
    evolve,
    listed_as="products",
)
