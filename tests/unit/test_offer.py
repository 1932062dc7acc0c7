"""What a cart costs here and now, and that an order is placed at exactly that: coupon, shipping and tax."""

from dataclasses import replace

import pytest

from commands.checkout_rejections import AddressRequired, ShippingMethodRequired, ShippingUnavailable
from commands.offer import Wanted, offer
from commands.rejections import NotForSale, PriceMoved
from events.cart import CartLineAdded, CartOpened
from events.coupon import CouponRedeemed, CouponUsed
from events.order import OrderPlaced, Shipping
from events.product import PriceChanged, VariantChanged
from events.shipping import ShippingZoneSet
from events.values import Line, Money
from tests.unit.offering import PLACE, WANTED, coupon, shop_with
from tests.unit.pasts import (
    ANN,
    CART,
    EXPRESS,
    HOME,
    KITCHEN,
    LARGE,
    LINES,
    MUG,
    ORDER,
    SMALL,
    STANDARD,
    catalog,
    eur,
    germany,
    stocked,
    tenth_off,
    vat,
)
from tests.unit.shop import given, refused


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
