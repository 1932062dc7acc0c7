"""Whether an article can be had, wherever it lies: all that lists say of stock. Its units are in `stock_level`."""

from typing import NamedTuple, get_args

from events.product import VariantAdded
from events.stock import StockEvent
from events.store import Fact
from projections.projection import Key, Projection
from projections.stock_level import moved


class AvailabilityRow(NamedTuple):
    sku: str
    product_id: str | None
    """None until its product says that it has this variant."""
    units: int
    in_stock: bool


def evolve(row: AvailabilityRow | None, fact: Fact[VariantAdded | StockEvent], key: Key) -> AvailabilityRow:
    row = row or AvailabilityRow(key[0], None, 0, False)
    event = fact.event
    if isinstance(event, VariantAdded):
        return row._replace(product_id=event.product_id)
    on_hand, reserved = moved(event)
    units = row.units + on_hand - reserved
    return row._replace(units=units, in_stock=units > 0)


availability = Projection(
    "availability",
    AvailabilityRow,
    ("sku",),
    (VariantAdded, *get_args(StockEvent)),
    lambda event: [(event.sku,)],
    evolve,
    listed_as="products",
    shown=lambda row: (row.product_id, row.in_stock),
)
