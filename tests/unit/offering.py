"""A filled cart that is asked about, or ordered, and a coupon for it."""

from dataclasses import replace
from typing import Any

from commands.checkout import PlaceOrder
from commands.offer import Wanted
from events import Event
from events.coupon import CouponCreated, CouponKind, CouponTerms
from tests.unit.pasts import ANN, CART, HOME, NOON, ORDER, filled_cart, stocked
from tests.unit.shop import Shop, given

WANTED = Wanted(CART, "EUR", ANN, "DE", "standard", now=NOON)
PLACE = PlaceOrder(ORDER, ANN, CART, "EUR", NOON, None, HOME, "standard", now=NOON)


def shop_with(*events: Event) -> Shop:
    return given(*stocked, *filled_cart, *events)


def coupon(**terms: Any) -> CouponCreated:
    return CouponCreated("SPRING", replace(CouponTerms(CouponKind.PERCENT, 1_000), **terms))
