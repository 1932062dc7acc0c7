"""From a cart to an order: today's prices, one reservation per SKU, all or nothing."""

import pytest

from commands.checkout import PlaceOrder, RecordSale
from commands.product import ArchiveProduct
from commands.rejections import CartIsEmpty, LimitExceeded, NotForSale, OutOfStock, PriceMoved
from commands.stock import Stock, stocks
from events.cart import CartLineAdded, CartOpened
from events.order import OrderPlaced
from events.product import PriceChanged
from events.stock import StockReserved
from events.values import DEFAULT_LOCATION, Address, Line
from tests.unit.pasts import (
    ANN,
    CART,
    KITCHEN,
    LARGE,
    LINES,
    MUG,
    NOON,
    ORDER,
    SMALL,
    TOTAL,
    catalog,
    eur,
    filled_cart,
    placed,
    stocked,
)
from tests.unit.shop import given, refused

PLACE = PlaceOrder(ORDER, ANN, CART, "EUR", NOON)


def test_a_cart_becomes_an_order_with_its_stock_reserved() -> None:
    assert given(*stocked, *filled_cart).when(PLACE) == list(placed)


def test_an_order_keeps_where_to_send_it() -> None:
    address = Address("Ann", "Main St 1", "Berlin", "10115", "DE")
    order, *_ = given(*stocked, *filled_cart).when(PlaceOrder(ORDER, ANN, CART, "EUR", NOON, ship_to=address))
    assert isinstance(order, OrderPlaced)
    assert order.ship_to == address


def test_an_order_is_placed_at_todays_prices() -> None:
    order, *_ = given(*stocked, *filled_cart, PriceChanged(MUG, SMALL, eur(1000), eur(700))).when(PLACE)
    assert isinstance(order, OrderPlaced)
    assert order.total == eur(2900)


def test_the_total_that_was_agreed_to_is_accepted() -> None:
    assert given(*stocked, *filled_cart).when(PlaceOrder(ORDER, ANN, CART, "EUR", NOON, TOTAL)) == list(placed)


def test_a_total_that_moved_is_refused() -> None:
    shown, now = {"amount": 2200, "currency": "EUR"}, {"amount": 2300, "currency": "EUR"}
    with refused(PriceMoved, expected=shown, actual=now):
        given(*stocked, *filled_cart).when(PlaceOrder(ORDER, ANN, CART, "EUR", NOON, eur(2200)))


@pytest.mark.parametrize("past", [(), (CartOpened(CART, ANN),), (*filled_cart, placed[-1])])
def test_an_empty_cart_cannot_be_ordered(past: tuple[CartOpened, ...]) -> None:
    with refused(CartIsEmpty):
        given(*stocked, *past).when(PLACE)


def test_what_was_archived_since_is_not_for_sale() -> None:
    with refused(NotForSale, sku=SMALL):
        given(*stocked, *filled_cart).when(ArchiveProduct(MUG), PLACE)


def test_what_has_no_price_in_the_currency_is_not_for_sale() -> None:
    with refused(NotForSale, sku=SMALL):
        given(*stocked, *filled_cart).when(PlaceOrder(ORDER, ANN, CART, "USD", NOON))


def test_every_shortage_is_named_with_what_is_left() -> None:
    wanted = CartOpened(CART), CartLineAdded(CART, SMALL, MUG, 11), CartLineAdded(CART, LARGE, MUG, 8)
    items = [{"sku": LARGE, "requested": 8, "available": 7}, {"sku": SMALL, "requested": 11, "available": 10}]
    with refused(OutOfStock, items=items):
        given(*stocked, *wanted, StockReserved(LARGE, ORDER, 3)).when(PLACE)


def test_a_shortage_of_one_line_reserves_nothing_of_the_others() -> None:
    shop = given(*stocked, *filled_cart, StockReserved(LARGE, ORDER, 10))
    with refused(OutOfStock, items=[{"sku": LARGE, "requested": 1, "available": 0}]):
        shop.when(PLACE)
    assert shop(stocks(SMALL, DEFAULT_LOCATION)) == Stock(10, 0)


def test_the_last_unit_can_be_ordered() -> None:
    wanted = CartOpened(CART), CartLineAdded(CART, SMALL, MUG, 10)
    shop = given(*stocked, *wanted)
    shop.when(PLACE)
    assert shop(stocks(SMALL, DEFAULT_LOCATION)).available == 0


def test_a_sale_from_elsewhere_keeps_the_totals_it_says() -> None:
    odd = Line(SMALL, MUG, "Mug", KITCHEN, 3, eur(333), eur(1000))
    assert given(*stocked).when(RecordSale(ORDER, ANN, (odd, LINES[1]))) == [
        OrderPlaced(ORDER, ANN, (odd, LINES[1]), eur(1900)),
        StockReserved(LARGE, ORDER, 1),
        StockReserved(SMALL, ORDER, 3),
    ]


def test_lines_of_one_sku_are_reserved_together() -> None:
    line = LINES[0]
    assert given(*stocked).when(RecordSale(ORDER, ANN, (line, line)))[1:] == [StockReserved(SMALL, ORDER, 4)]
    six = Line(SMALL, MUG, "Mug", KITCHEN, 6, eur(700), eur(4200))
    with refused(OutOfStock, items=[{"sku": SMALL, "requested": 12, "available": 10}]):
        given(*stocked).when(RecordSale(ORDER, ANN, (six, six)))


def test_a_sale_from_elsewhere_needs_stock_too() -> None:
    with refused(OutOfStock, items=[{"sku": SMALL, "requested": 2, "available": 0}]):
        given(*catalog).when(RecordSale(ORDER, ANN, LINES[:1]))


@pytest.mark.parametrize("lines", [(), (Line(SMALL, MUG, "Mug", KITCHEN, 0, eur(700), eur(0)),)])
def test_a_sale_of_nothing_is_no_sale(lines: tuple[Line, ...]) -> None:
    with refused(LimitExceeded, limit=1):
        given(*stocked).when(RecordSale(ORDER, ANN, lines))
