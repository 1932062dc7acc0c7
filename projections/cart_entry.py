"""The carts: an entry whenever something was put in or taken out, and when a cart's filling came to an end.

A cart lives as long as its shopper and is filled again and again. What lies between two ends is one filling.
"""

from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.cart import (
    CartCheckedOut,
    CartCleared,
    CartClosed,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartMerged,
)
from events.store import Fact
from projections.projection import Key, Projection

CartMove = CartLineAdded | CartLineChanged | CartLineRemoved | CartMerged | CartCleared | CartClosed | CartCheckedOut


class CartEntryRow(NamedTuple):
    """`quantity` more units of the SKU with kind `added`, so many and no more with `set`.

    The other kinds are ends: `checked_out`, `cleared`, and `merged` where it all went on in another cart."""

    position: int
    line: int
    cart_id: str
    kind: str
    sku: str | None
    quantity: int
    order_id: str | None
    at: datetime


def keys(event: CartMove) -> list[Key]:
    lines = len(event.lines) if isinstance(event, CartMerged) else 1
    return [(number,) for number in range(1, lines + 1)]


def evolve(row: CartEntryRow | None, fact: Fact[CartMove], key: Key) -> CartEntryRow:
    position, number = key
    kind, sku, quantity, order_id = _moved(fact.event, number)
    return CartEntryRow(position, number, fact.event.cart_id, kind, sku, quantity, order_id, fact.occurred_at)


def _moved(event: CartMove, number: int) -> tuple[str, str | None, int, str | None]:
    match event:
        case CartLineAdded(sku=sku, quantity=quantity):
            return "added", sku, quantity, None
        case CartMerged(lines=lines):
            return "added", lines[number - 1].sku, lines[number - 1].quantity, None
        case CartLineChanged(sku=sku, quantity=quantity):
            return "set", sku, quantity, None
        case CartLineRemoved(sku=sku):
            return "set", sku, 0, None
        case CartCheckedOut(order_id=order_id):
            return "checked_out", None, 0, order_id
        case CartCleared():
            return "cleared", None, 0, None
        case CartClosed(cart_id=cart_id, merged_into=into) if into == cart_id:  # its customer is forgotten
            return "cleared", None, 0, None
        case CartClosed():
            return "merged", None, 0, None
        case _:
            assert_never(event)


cart_entry = Projection(
    "cart_entry", CartEntryRow, ("position", "line"), get_args(CartMove), keys, evolve, journal=True
)
