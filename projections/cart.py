"""What lies in each cart."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.cart import (
    CartCheckedOut,
    CartCleared,
    CartClosed,
    CartCouponRemoved,
    CartCouponSet,
    CartEvent,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartMerged,
    CartOpened,
)
from events.store import Fact
from events.values import Money
from projections.projection import Key, Projection

_TYPEID_CHARACTERS = 26


@dataclass(frozen=True, slots=True)
class CartLineRow:
    sku: str
    product_id: str
    quantity: int
    prices: tuple[Money, ...] = ()
    """Of one unit, when it was last added to."""
    added_at: datetime | None = None
    left_out: int = 0
    """Units that a merge found no room for, until the shopper adds to the line or changes it. Where there was no room
    for the line either, this is a line of no units."""


class CartRow(NamedTuple):
    cart_id: str
    customer_id: str | None
    lines: list[CartLineRow]
    updated_at: datetime
    version: int
    coupon: str | None = None


def evolve(row: CartRow | None, fact: Fact[CartEvent], key: Key) -> CartRow | None:
    event = fact.event
    if isinstance(event, CartOpened):
        return CartRow(event.cart_id, event.customer_id, [], fact.occurred_at, fact.version)
    if row is None:
        return None
    lines, at = _lines(row.lines, event, fact.occurred_at), fact.occurred_at
    return CartRow(row.cart_id, row.customer_id, lines, at, fact.version, _coupon(row.coupon, event))


def _lines(lines: list[CartLineRow], event: CartEvent, at: datetime) -> list[CartLineRow]:
    match event:
        case CartLineAdded(_, sku, product_id, quantity, prices):
            return _with(lines, CartLineRow(sku, product_id, quantity, prices, at))
        case CartMerged(lines=merged):
            for line in merged:
                if line.quantity or all(held.sku != line.sku for held in lines):
                    more = CartLineRow(line.sku, line.product_id, line.quantity, line.prices, at, line.left_out)
                    lines = _with(lines, more)
                else:
                    lines = [replace(x, left_out=line.left_out) if x.sku == line.sku else x for x in lines]
            return lines
        case CartLineChanged(_, sku, quantity):
            return [replace(line, quantity=quantity, left_out=0) if line.sku == sku else line for line in lines]
        case CartLineRemoved(_, sku):
            return [line for line in lines if line.sku != sku]
        case CartCleared() | CartCheckedOut() | CartClosed():
            return []
        case CartOpened() | CartCouponSet() | CartCouponRemoved():
            return lines
        case _:
            assert_never(event)


def _coupon(coupon: str | None, event: CartEvent) -> str | None:
    match event:
        case CartCouponSet(_, code):
            return code
        case CartCouponRemoved() | CartCleared() | CartCheckedOut() | CartClosed():
            return None
    return coupon


def _with(lines: list[CartLineRow], more: CartLineRow) -> list[CartLineRow]:
    """The line keeps its place, and what it was added at last counts."""
    for place, line in enumerate(lines):
        if line.sku == more.sku:
            quantity = line.quantity + more.quantity
            line = CartLineRow(more.sku, more.product_id, quantity, more.prices, more.added_at, more.left_out)
            return [*lines[:place], line, *lines[place + 1 :]]
    return [*lines, more]


def _cached_key(key: Key) -> Key:
    """`user:usr_01h...:cart`; a guest's is known by the cart alone."""
    identity = key[0].removeprefix("cart_")
    return (f"usr_{identity}" if len(identity) == _TYPEID_CHARACTERS else key[0], "cart")


cart = Projection(
    "cart",
    CartRow,
    ("cart_id",),
    get_args(CartEvent),
    lambda event: [(event.cart_id,)],
    evolve,
    cached_as="user",
    cached_key=_cached_key,
    stream="cart",
)
