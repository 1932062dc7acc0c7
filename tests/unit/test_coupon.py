"""What a coupon takes off, when it counts, and how often."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from commands.cart import AddToCart, ClearCart, MergeCarts, carts, own_cart
from commands.cart_coupon import SetCartCoupon
from commands.checkout_rejections import CouponNotApplicable, CouponRefused
from commands.coupon import coupon_uses, coupons
from commands.offer import offer
from commands.order_life import CancelOrder, LapseOrder
from events import Event
from events.cart import CartCleared, CartCouponSet, CartOpened
from events.coupon import (
    CouponCreated,
    CouponKind,
    CouponRedeemed,
    CouponRegained,
    CouponReturned,
    CouponTerms,
    CouponUsed,
    CouponWithdrawn,
)
from events.order import OrderPlaced, Shipping
from events.product import ProductDescribed
from events.values import CartId, OrderId, UserId
from tests.unit.offering import PLACE, WANTED, coupon, shop_with
from tests.unit.pasts import (
    ANN,
    CART,
    CUPS,
    GUEST,
    KITCHEN,
    LATER,
    MUG,
    NOON,
    ORDER,
    SMALL,
    TENTH,
    catalog,
    cups_category,
    eur,
    germany,
    guests_cart,
    stocked,
    tenth_off,
    vat,
)
from tests.unit.shop import given, refused

GUEST_ID = UserId("gst_1")
FREE = CouponCreated("FREE", CouponTerms(CouponKind.FREE_SHIPPING))


def test_a_coupon_for_shipping_pays_all_of_it() -> None:
    found = offer(replace(WANTED, coupon="FREE"), shop_with(vat, germany, FREE)).totals
    assert found.shipping == Shipping("standard", "Standard", eur(490), eur(0), 490, 0, 190_000)
    assert (found.discount, found.total) == (eur(490), eur(2_300))


def test_a_coupon_of_a_category_is_for_all_below_it() -> None:
    here = shop_with(coupon(category_id=KITCHEN))
    assert offer(replace(WANTED, coupon="SPRING"), here).totals.discount == eur(230)
    below = shop_with(cups_category, coupon(category_id=CUPS))
    with refused(CouponNotApplicable, why="goods", coupon="SPRING", category_id=CUPS):
        offer(replace(WANTED, coupon="SPRING"), below)
    moved = shop_with(cups_category, coupon(category_id=KITCHEN), ProductDescribed(MUG, "Mug", CUPS, ""))
    assert offer(replace(WANTED, coupon="SPRING"), moved).totals.discount == eur(230)


def test_a_fixed_coupon_is_spread_by_largest_remainder() -> None:
    fixed = CouponCreated("SPRING", CouponTerms(CouponKind.FIXED, amounts=(eur(100),)))
    found = offer(replace(WANTED, coupon="SPRING"), shop_with(fixed)).totals
    assert [line.discount for line in found.lines] == [61, 39]  # 60.87 and 39.13


@pytest.mark.parametrize(
    ("terms", "why", "details"),
    [
        ({"starts_at": LATER}, "not_yet", {"starts_at": LATER}),
        ({"ends_at": NOON}, "expired", {"ends_at": NOON}),
        ({"minimum": (eur(2_302),)}, "minimum", {"minimum": eur(2_302).as_dict(), "missing": eur(2).as_dict()}),
        ({"minimum": (replace(eur(1), currency="USD"),)}, "currency", {"currencies": ["USD"]}),
    ],
)
def test_a_coupon_that_does_not_count_is_refused_and_never_dropped(
    terms: dict[str, Any], why: str, details: dict[str, Any]
) -> None:
    shop = shop_with(coupon(**terms))
    with refused(CouponNotApplicable, why=why, coupon="SPRING", **details):
        shop.when(replace(PLACE, coupon="SPRING"))
    with pytest.raises(CouponRefused) as at_once:
        shop.when(SetCartCoupon(CART, "SPRING", "EUR", NOON, ANN))
    assert at_once.value.code == f"coupon_{why}"


@pytest.mark.parametrize("terms", [{"starts_at": NOON}, {"ends_at": LATER}, {"minimum": (eur(2_300),)}])
def test_a_bound_that_is_just_met_is_met(terms: dict[str, Any]) -> None:
    assert shop_with(coupon(**terms)).when(replace(PLACE, coupon="SPRING")) != []


def test_without_a_time_no_window_is_open() -> None:
    for terms in ({"starts_at": NOON - timedelta(1)}, {"ends_at": LATER}):
        with refused(CouponNotApplicable):
            shop_with(coupon(**terms)).when(replace(PLACE, coupon="SPRING", now=None))


@pytest.mark.parametrize("past", [(), (tenth_off, CouponWithdrawn("SPRING"))])
def test_a_coupon_that_is_not_there_or_was_withdrawn_is_unknown(past: tuple[Event, ...]) -> None:
    with refused(CouponRefused, coupon="SPRING"):
        shop_with(*past).when(SetCartCoupon(CART, "SPRING", "EUR", NOON, ANN))


def test_a_coupon_counts_as_often_as_it_may() -> None:
    used = [CouponRedeemed("SPRING", OrderId(f"ord_x{n}"), UserId("usr_bob"), eur(1)) for n in range(2)]
    with refused(CouponNotApplicable, why="used_up", coupon="SPRING", limit=2):
        shop_with(tenth_off, *used).when(replace(PLACE, coupon="SPRING"))
    assert shop_with(tenth_off, used[0]).when(replace(PLACE, coupon="SPRING")) != []


def test_each_customer_may_use_it_so_often() -> None:
    shop = shop_with(tenth_off, CouponUsed("SPRING", ANN, OrderId("ord_0")))
    with refused(CouponNotApplicable, why="used", coupon="SPRING", limit=1):
        shop.when(replace(PLACE, coupon="SPRING"))
    assert shop.when(replace(PLACE, coupon="SPRING", customer_id=UserId("usr_bob"))) != []


def test_a_guest_must_sign_in_for_a_coupon_that_counts_customers() -> None:
    for customer in (GUEST_ID, None):
        with refused(CouponNotApplicable, why="sign_in", coupon="SPRING"):
            offer(replace(WANTED, coupon="SPRING", customer_id=customer), shop_with(tenth_off))
    anyone = CouponCreated("SPRING", replace(TENTH, limit_per_customer=None))
    facts = shop_with(anyone).when(replace(PLACE, coupon="SPRING", customer_id=GUEST_ID, email="g@example.org"))
    assert isinstance(facts[0], OrderPlaced)
    assert facts[0].email == "g@example.org"
    assert not any(isinstance(fact, CouponUsed) for fact in facts)


@pytest.mark.parametrize("ending", [CancelOrder(ORDER, "why"), LapseOrder(ORDER, LATER)])
def test_an_order_that_comes_to_nothing_gives_its_coupon_back(ending: CancelOrder | LapseOrder) -> None:
    shop = shop_with(tenth_off)
    shop.when(replace(PLACE, coupon="SPRING"))
    assert shop(coupons("SPRING")).redeemed == len(shop(coupon_uses("SPRING", ANN)).orders) == 1
    facts = shop.when(ending)
    assert facts[-2:] == [CouponReturned("SPRING", ORDER, ANN), CouponRegained("SPRING", ANN, ORDER)]
    assert shop(coupons("SPRING")).redeemed == len(shop(coupon_uses("SPRING", ANN)).orders) == 0


def test_a_coupon_that_counted_no_customers_has_nothing_to_give_back_to_them() -> None:
    shop = shop_with(coupon())
    shop.when(replace(PLACE, coupon="SPRING"))
    assert shop.when(CancelOrder(ORDER, "why"))[-1] == CouponReturned("SPRING", ORDER, ANN)


def test_the_carts_coupon_counts_unless_another_is_named() -> None:
    shop = shop_with(coupon(), FREE, germany, CartCouponSet(CART, "SPRING"))
    assert offer(WANTED, shop).coupon == "SPRING"
    assert offer(replace(WANTED, coupon="FREE"), shop).coupon == "FREE"


def test_an_empty_cart_may_have_a_coupon_already() -> None:
    shop = given(*stocked, coupon(minimum=(eur(9_999),)))
    command = SetCartCoupon(CART, "SPRING", "EUR", NOON, ANN)
    assert shop.when(command) == [CartOpened(CART, ANN), CartCouponSet(CART, "SPRING")]
    assert shop.when(ClearCart(CART), command) == [CartCleared(CART), CartCouponSet(CART, "SPRING")]
    shop.when(AddToCart(CART, SMALL, 1, ANN), ClearCart(CART))
    assert shop(carts(CART)).coupon is None


def test_a_merged_cart_keeps_a_coupon_and_rather_the_customers_own() -> None:
    mine = own_cart(ANN)
    brought = given(*catalog, *guests_cart, CartCouponSet(GUEST, "SPRING"))
    assert CartCouponSet(mine, "SPRING") in brought.when(MergeCarts(GUEST, ANN))
    assert brought(carts(GUEST)).coupon is None
    opened = CartOpened(CartId(mine), ANN), CartCouponSet(mine, "OWN")
    both = given(*catalog, *guests_cart, CartCouponSet(GUEST, "SPRING"), *opened)
    both.when(MergeCarts(GUEST, ANN))
    assert both(carts(mine)).coupon == "OWN"
