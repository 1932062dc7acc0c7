"""A coupon in a cart: refused at once where it cannot count, and judged again when the order is placed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from commands.cart import carts
from commands.decider import Read
from commands.offer import applied, priced
from events.cart import CartCouponRemoved, CartCouponSet, CartEvent, CartOpened
from events.values import CartId, UserId


@dataclass(frozen=True, slots=True)
class SetCartCoupon:
    """Instead of the one that lies in the cart. `currency` is the one that the shopper is shown."""

    cart_id: CartId
    code: str
    currency: str
    now: datetime
    customer_id: UserId | None = None


@dataclass(frozen=True, slots=True)
class RemoveCartCoupon:
    cart_id: CartId


CartCouponCommand = SetCartCoupon | RemoveCartCoupon


def decide(command: CartCouponCommand, read: Read) -> Sequence[CartEvent]:
    cart = read(carts(command.cart_id))
    match command:
        case SetCartCoupon(cart_id, code, currency, now, customer_id):
            applied(code, priced(cart, currency, read), customer_id, now, read)
            opened = [] if cart.opened else [CartOpened(cart_id, customer_id)]
            return [*opened, CartCouponSet(cart_id, code)] if code != cart.coupon else []
        case RemoveCartCoupon(cart_id):
            return [CartCouponRemoved(cart_id)] if cart.coupon is not None else []
        case _:
            assert_never(command)
