"""What lies in each cart."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.cart import (
    CartCheckedOut,
    CartCleared,
    CartEvent,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartOpened,
)
from events.store import Fact
from projections.projection import Key, Projection


@dataclass(frozen=True, slots=True)
class CartLineRow:
    sku: str
    product_id: str
    quantity: int


class CartRow(NamedTuple):
    cart_id: str
    customer_id: str | None
    lines: list[CartLineRow]
    updated_at: datetime
    version: int


def evolve(row: CartRow | None, fact: Fact[CartEvent], key: Key) -> CartRow | None:
    event = fact.event
    if isinstance(event, CartOpened):
        return CartRow(event.cart_id, event.customer_id, [], fact.occurred_at, fact.version)
    if row is None:
        return None
    return row._replace(lines=_lines(row.lines, event), updated_at=fact.occurred_at, version=fact.version)


def _lines(lines: list[CartLineRow], event: CartEvent) -> list[CartLineRow]:
    match event:
        case CartLineAdded(_, sku, product_id, quantity):
            if any(line.sku == sku for line in lines):
                return [replace(x, quantity=x.quantity + quantity) if x.sku == sku else x for x in lines]
            return [*lines, CartLineRow(sku, product_id, quantity)]
        case CartLineChanged(_, sku, quantity):
            return [replace(line, quantity=quantity) if line.sku == sku else line for line in lines]
        case CartLineRemoved(_, sku):
            return [line for line in lines if line.sku != sku]
        case CartCleared() | CartCheckedOut():
            return []
        case CartOpened():
            return lines
        case _:
            assert_never(event)


cart = Projection("cart", CartRow, ("cart_id",), get_args(CartEvent), lambda event: [(event.cart_id,)], evolve)
