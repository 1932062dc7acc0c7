"""What was sold, article by article: an entry per line of an order, under the position of its placing."""

from typing import NamedTuple

from events.order import OrderPlaced
from events.store import Fact
from projections.projection import Key, Projection
from projections.sale import sold_for


class SaleLineRow(NamedTuple):
    position: int
    line: int
    sku: str
    product_id: str
    category_id: str
    quantity: int
    total_minor: int
    """What it sold for, with its tax."""
    before_minor: int
    """What the lines before it sold for: which part of the order's money is its own."""
    first_of_product: bool
    first_of_category: bool
    """Whether no line before it is of the same, so that orders can be counted by lines."""


def keys(event: OrderPlaced) -> list[Key]:
    return [(number,) for number in range(1, len(event.lines) + 1)]


def evolve(row: SaleLineRow | None, fact: Fact[OrderPlaced], key: Key) -> SaleLineRow:
    (position, number), order = key, fact.event
    *before, line = order.lines[:number]
    return SaleLineRow(
        position,
        number,
        line.sku,
        line.product_id,
        line.category_id,
        line.quantity,
        total_minor=sold_for(line, order),
        before_minor=sum(sold_for(other, order) for other in before),
        first_of_product=all(other.product_id != line.product_id for other in before),
        first_of_category=all(other.category_id != line.category_id for other in before),
    )


sale_line = Projection("sale_line", SaleLineRow, ("position", "line"), (OrderPlaced,), keys, evolve, journal=True)
