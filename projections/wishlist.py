"""What each customer would like to have."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.store import Fact
from events.values import Money
from events.wishlist import WishAdded, WishlistEvent, WishRemoved
from projections.projection import Key, Projection


@dataclass(frozen=True, slots=True)
class WishRow:
    sku: str
    product_id: str
    prices: tuple[Money, ...]
    added_at: datetime


class WishlistRow(NamedTuple):
    customer_id: str
    wishes: list[WishRow]
    updated_at: datetime
    version: int


def evolve(row: WishlistRow | None, fact: Fact[WishlistEvent], key: Key) -> WishlistRow | None:
    if row is None and not isinstance(fact.event, WishAdded):
        return None
    wishes = [] if row is None else row.wishes
    match fact.event:
        case WishAdded(_, sku, product_id, prices):
            wishes = [*wishes, WishRow(sku, product_id, prices, fact.occurred_at)]
        case WishRemoved(_, sku):
            wishes = [wish for wish in wishes if wish.sku != sku]
        case _:
            assert_never(fact.event)
    return WishlistRow(key[0], wishes, fact.occurred_at, fact.version)


wishlist = Projection(
    "wishlist", WishlistRow, ("customer_id",), get_args(WishlistEvent), lambda event: [(event.customer_id,)], evolve
)
