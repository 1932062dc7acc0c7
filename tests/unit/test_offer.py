"""What a cart costs here and now, and that an order is placed at exactly that: coupon, shipping and tax."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from commands.cart import AddToCart, ClearCart, MergeCarts, carts, own_cart
from commands.cart_coupon import SetCartCoupon
from commands.checkout import PlaceOrder
from commands.checkout_rejections import (
    AddressRequired,
    CouponNotApplicable,
    CouponRefused,
    ShippingMethodRequired,
    ShippingUnavailable,
)
from commands.coupon import coupon_uses, coupons
from commands.offer import Wanted, offer
from commands.order_life import CancelOrder, LapseOrder
from commands.rejections import NotForSale, PriceMoved
from events import Event
from events.cart import CartCleared, CartCouponSet, CartLineAdded, CartOpened
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
from events.product import PriceChanged, ProductDescribed, VariantChanged
from events.shipping import ShippingZoneSet
from events.values import CartId, Line, Money, OrderId, UserId
from tests.unit.pasts import (
    ANN,
    CART,
    CUPS,
    EXPRESS,
    GUEST,
    HOME,
    KITCHEN,
    LARGE,
    LATER,
    LINES,
    MUG,
    NOON,
    ORDER,
    SMALL,
    STANDARD,
    TENTH,
    catalog,
    cups_category,
    eur,
    filled_cart,
    germany,
    guests_cart,
    stocked,
    tenth_off,
    vat,
)
from tests.unit.shop import Shop, given, refused

GUEST_ID = UserId("gst_1")
FREE = CouponCreated("FREE", CouponTerms(CouponKind.FREE_SHIPPING))
WANTED = Wanted(CART, "EUR", ANN, "DE", "standard", now=NOON)
PLACE = PlaceOrder(ORDER, ANN, CART, "EUR", NOON, None, HOME, "standard", now=NOON)


def shop_with(*events: Event) -> Shop:
    return given(*stocked, *filled_cart, *events)


def coupon(**terms: Any) -> CouponCreated:
    return CouponCreated("SPRING", replace(CouponTerms(CouponKind.PERCENT, 1_000), **terms))


def test_without_any_terms_a_cart_costs_what_is_in_it() -> None:
    found = offer(Wanted(CART, "EUR"), shop_with())
    assert (found.totals.lines, found.totals.total, found.totals.shipping) == (LINES, eur(2_300), None)
    assert (found.methods, found.coupon) == ((), None)


def test_an_order_freezes_the_whole_computation() -> None:
    reduced = VariantChanged(MUG, LARGE, {"size": "L"}, "reduced", None)
    facts = shop_with(vat, germany, tenth_off, reduced).when(replace(PLACE, coupon="SPRING"))
    placed = facts[0]
    assert isinstance(placed, OrderPlaced)
    assert placed.lines == (
        Line(SMALL, MUG, "Mug", KITCHEN, 2, eur(700), eur(1_260), 140, 201, 190_000),
        Line(LARGE, MUG, "Mug", KITCHEN, 1, eur(900), eur(810), 90, 53, 70_000),
    )
    assert placed.shipping == Shipping("standard", "Standard", eur(490), eur(490), 0, 78, 190_000)
    assert (placed.total, placed.discount, placed.tax, placed.prices_include_tax) == (eur(2_560), 230, 332, True)
    assert (placed.coupon, placed.ship_to) == ("SPRING", HOME)
    assert facts[-3:-1] == [CouponRedeemed("SPRING", ORDER, ANN, eur(230)), CouponUsed("SPRING", ANN, ORDER)]


def test_tax_comes_on_top_where_prices_are_without() -> None:
    found = offer(WANTED, shop_with(replace(vat, prices_include_tax=False), germany)).totals
    assert [line.tax for line in found.lines] == [266, 171]
    assert (found.tax, found.total) == (eur(266 + 171 + 93), eur(2_300 + 490 + 530))


def test_a_country_without_rates_takes_no_tax() -> None:
    found = offer(replace(WANTED, country="CH", shipping_method=None), shop_with(vat)).totals
    assert (found.tax, found.total) == (eur(0), eur(2_300))


def test_the_steps_lead_from_nothing_to_the_total() -> None:
    found = offer(replace(WANTED, coupon="SPRING"), shop_with(vat, germany, tenth_off)).totals
    assert [(step.kind.value, step.text, step.amount.amount, step.contained) for step in found.steps] == [
        ("goods", "2 x Mug (MUG-S) at 7.00 EUR", 1_400, False),
        ("goods", "1 x Mug (MUG-L) at 9.00 EUR", 900, False),
        ("discount", "coupon, MUG-S", -140, False),
        ("discount", "coupon, MUG-L", -90, False),
        ("shipping", "Standard", 490, False),
        ("tax", "19 % tax in 25.60 EUR", 408, True),
    ]


def test_the_total_that_is_agreed_to_is_that_of_the_offer() -> None:
    shop = shop_with(vat, germany, tenth_off)
    total = offer(replace(WANTED, coupon="SPRING"), shop).totals.total
    with refused(PriceMoved, expected=eur(2_300).as_dict(), actual=total.as_dict()):
        shop.when(replace(PLACE, coupon="SPRING", expected_total=eur(2_300)))
    assert shop.when(replace(PLACE, coupon="SPRING", expected_total=total)) != []


def test_where_it_makes_a_difference_an_address_is_needed() -> None:
    for terms in (vat, germany):
        with refused(AddressRequired):
            shop_with(terms).when(replace(PLACE, ship_to=None))


def test_shipping_is_by_a_method_of_the_zone() -> None:
    shop = shop_with(germany)
    with refused(ShippingMethodRequired, methods=["standard", "express"]):
        offer(replace(WANTED, shipping_method=None), shop)
    with refused(ShippingUnavailable, country="DE", methods=["standard", "express"]):
        offer(replace(WANTED, shipping_method="pigeon"), shop)
    with refused(ShippingUnavailable, country="FR", methods=[]):
        offer(replace(WANTED, country="FR"), shop)
    assert offer(WANTED, shop).methods == ((STANDARD, eur(490)), (EXPRESS, eur(1_290)))


def test_the_only_method_need_not_be_named() -> None:
    only = replace(germany, methods=(EXPRESS,))
    shipping = offer(replace(WANTED, shipping_method=None), shop_with(only)).totals.shipping
    assert shipping is not None
    assert shipping.method_id == "express"


def test_a_method_without_a_price_in_the_currency_is_none() -> None:
    cheap = replace(germany, methods=(STANDARD,))
    dollars = replace(WANTED, currency="USD")
    with refused(NotForSale):  # and neither are the goods
        offer(dollars, shop_with(cheap))
    priced = PriceChanged(MUG, SMALL, Money(800, "USD"), None)
    only_small = given(*catalog, priced, CartOpened(CART), CartLineAdded(CART, SMALL, MUG, 1), cheap)
    with refused(ShippingUnavailable, country="DE", methods=[]):
        offer(dollars, only_small)


def test_everywhere_else_is_where_no_other_zone_is() -> None:
    world = ShippingZoneSet("world", "World", ("*",), (EXPRESS,))
    shop = shop_with(world, germany)
    assert [each.method_id for each, _ in offer(WANTED, shop).methods] == ["standard", "express"]
    abroad = replace(WANTED, country="FR", shipping_method=None)
    assert [each.method_id for each, _ in offer(abroad, shop).methods] == ["express"]


@pytest.mark.parametrize(("units", "price"), [(3, 490), (4, 0)])
def test_shipping_is_free_from_what_the_goods_come_to_after_discounts(units: int, price: int) -> None:
    """Four at 9.00 are 36.00; with a tenth off they are not."""
    costs = replace(germany, methods=(replace(STANDARD, free_from=(eur(3_600),)), EXPRESS))
    shop = given(*stocked, CartOpened(CART), CartLineAdded(CART, LARGE, MUG, units), costs, coupon())
    shipping = offer(WANTED, shop).totals.shipping
    assert shipping is not None
    assert shipping.total == eur(price)
    less = offer(replace(WANTED, coupon="SPRING"), shop).totals.shipping
    assert less is not None
    assert less.total == eur(490)


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
    ("terms", "why"),
    [
        ({"starts_at": LATER}, "not_yet"),
        ({"ends_at": NOON}, "expired"),
        ({"minimum": (eur(2_301),)}, "minimum"),
        ({"minimum": (replace(eur(1), currency="USD"),)}, "currency"),
    ],
)
def test_a_coupon_that_does_not_count_is_refused_and_never_dropped(terms: dict[str, Any], why: str) -> None:
    shop = shop_with(coupon(**terms))
    with pytest.raises(CouponNotApplicable) as caught:
        shop.when(replace(PLACE, coupon="SPRING"))
    assert caught.value.details["why"] == why
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
