"""What was sold, article by article: an entry per line of an order."""

from typing import NamedTuple

from events.order import OrderPlaced
from events.store import Fact
from projections.projection import Key, Projection


class SaleLineRow(NamedTuple):
    order_id: str
    line: int
    sku: str
    product_id: str
    category_id: str
    quantity: int
    total_minor: int


def keys(event: OrderPlaced) -> list[Key]:
    return [(event.order_id, number) for number in range(1, len(event.lines) + 1)]


def evolve(row: SaleLineRow | None, fact: Fact[OrderPlaced], key: Key) -> SaleLineRow | None:
    order_id, number = key
    line = fact.event.lines[number - 1]
    return SaleLineRow(order_id, number, line.sku, line.product_id, line.category_id, line.quantity, line.total.amount)


sale_line = Projection("sale_line", SaleLineRow, ("order_id", "line"), (OrderPlaced,), keys, evolve)
