"""Stock that is never less than nothing, and carts whose lines add up."""

import pytest

from commands.cart import MAX_LINES, MAX_QUANTITY, AddToCart, ChangeCartLine, ClearCart, RemoveFromCart, carts
from commands.product import ArchiveProduct
from commands.rejections import LimitExceeded, NotForSale, NotFound, StockWouldGoNegative
from commands.stock import MAX_UNITS, AdjustStock, ReceiveStock, Stock, StockCommand, stocks
from events.cart import CartCheckedOut, CartCleared, CartLineAdded, CartLineChanged, CartLineRemoved, CartOpened
from events.location import LocationOpened
from events.stock import (
    StockAdjusted,
    StockCommitted,
    StockLapsed,
    StockReceived,
    StockReleased,
    StockReserved,
)
from events.values import DEFAULT_LOCATION, Sku
from tests.unit.pasts import ANN, CART, LARGE, MUG, ORDER, SMALL, catalog, draft, eur, filled_cart, stocked, variants
from tests.unit.shop import given, refused


def test_goods_come_in() -> None:
    assert given(*catalog).when(ReceiveStock(SMALL, 5, "delivery 7")) == [StockReceived(SMALL, 5, "delivery 7")]


def test_stock_is_kept_by_location() -> None:
    shop = given(*stocked, LocationOpened("attic"))
    assert shop.when(ReceiveStock(SMALL, 5, location="attic")) == [StockReceived(SMALL, 5, "", "attic")]
    assert (shop(stocks(SMALL, "attic")), shop(stocks(SMALL, DEFAULT_LOCATION))) == (Stock(5), Stock(10))


def test_a_count_that_differs_adjusts_the_book() -> None:
    assert given(*stocked).when(AdjustStock(SMALL, -3, "broken")) == [StockAdjusted(SMALL, -3, "broken")]


def test_a_count_that_does_not_differ_adds_nothing() -> None:
    assert given(*stocked).when(AdjustStock(SMALL, 0, "counted")) == []


def test_what_is_reserved_cannot_be_adjusted_away() -> None:
    with refused(StockWouldGoNegative, sku=SMALL, delta=-7, available=6):
        given(*stocked, StockReserved(SMALL, ORDER, 4)).when(AdjustStock(SMALL, -7, "lost"))


@pytest.mark.parametrize("command", [ReceiveStock(SMALL, MAX_UNITS), AdjustStock(SMALL, MAX_UNITS, "found")])
def test_the_book_of_one_sku_ends_somewhere(command: StockCommand) -> None:
    with refused(LimitExceeded, limit=MAX_UNITS):
        given(*stocked).when(command)


@pytest.mark.parametrize("quantity", [0, -1])
def test_nothing_is_received_by_less_than_one_unit(quantity: int) -> None:
    with refused(LimitExceeded, limit=1):
        given(*stocked).when(ReceiveStock(SMALL, quantity))


@pytest.mark.parametrize("command", [ReceiveStock(LARGE, 1), AdjustStock(LARGE, 1, "found")])
def test_only_a_known_sku_has_stock(command: StockCommand) -> None:
    with refused(NotFound, kind="variant", id=LARGE):
        given(*draft).when(command)


def test_reservations_move_between_available_and_sold() -> None:
    shop = given(*stocked, StockReserved(SMALL, ORDER, 9), StockReleased(SMALL, ORDER, 2, "changed"))
    assert shop(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=10, reserved=7)
    assert shop(stocks(SMALL, DEFAULT_LOCATION)).available == 3
    after = given(StockReceived(SMALL, 9), StockReserved(SMALL, ORDER, 6), StockLapsed(SMALL, ORDER, 2))
    assert after(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=9, reserved=4)
    sold = given(StockReceived(SMALL, 9), StockReserved(SMALL, ORDER, 6), StockCommitted(SMALL, ORDER, 6))
    assert sold(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=3, reserved=0)


def test_the_first_line_opens_the_cart() -> None:
    assert given(*catalog).when(AddToCart(CART, SMALL, 2, ANN)) == [
        CartOpened(CART, ANN),
        CartLineAdded(CART, SMALL, MUG, 2, (eur(700),)),
    ]


def test_additions_add_up() -> None:
    shop = given(*catalog)
    shop.when(AddToCart(CART, SMALL, 2), AddToCart(CART, SMALL, 3))
    assert shop(carts(CART)).lines[SMALL].quantity == 5


def test_a_sku_that_does_not_exist_cannot_be_put_into_a_cart() -> None:
    with refused(NotFound, kind="variant", id=SMALL):
        given().when(AddToCart(CART, SMALL, 1))


def test_a_draft_is_not_for_sale() -> None:
    with refused(NotForSale, sku=SMALL):
        given(*draft, *variants).when(AddToCart(CART, SMALL, 1))


def test_an_archived_product_is_not_for_sale() -> None:
    with refused(NotForSale, sku=SMALL):
        given(*catalog).when(ArchiveProduct(MUG), AddToCart(CART, SMALL, 1))


@pytest.mark.parametrize("quantity", [0, -1])
def test_an_addition_takes_nothing_away(quantity: int) -> None:
    with refused(LimitExceeded, sku=SMALL, limit=1):
        given(*catalog, *filled_cart).when(AddToCart(CART, SMALL, quantity))


def test_a_line_holds_a_limited_number_of_units() -> None:
    with refused(LimitExceeded, sku=SMALL, limit=MAX_QUANTITY):
        given(*catalog, *filled_cart).when(AddToCart(CART, SMALL, MAX_QUANTITY - 1))
    with refused(LimitExceeded, sku=SMALL, limit=MAX_QUANTITY):
        given(*catalog, *filled_cart).when(ChangeCartLine(CART, SMALL, MAX_QUANTITY + 1))


def test_a_cart_has_a_limited_number_of_lines() -> None:
    many = [CartLineAdded(CART, Sku(f"V{n}"), MUG, 1) for n in range(MAX_LINES)]
    with refused(LimitExceeded, limit=MAX_LINES):
        given(*catalog, *many).when(AddToCart(CART, SMALL, 1))


def test_a_lines_quantity_is_set() -> None:
    assert given(*filled_cart).when(ChangeCartLine(CART, SMALL, 5)) == [CartLineChanged(CART, SMALL, 5)]


def test_a_line_set_to_nothing_is_removed() -> None:
    assert given(*filled_cart).when(ChangeCartLine(CART, SMALL, 0)) == [CartLineRemoved(CART, SMALL)]


def test_a_line_is_not_set_to_less_than_nothing() -> None:
    with refused(LimitExceeded, sku=SMALL, limit=1):
        given(*filled_cart).when(ChangeCartLine(CART, SMALL, -1))


def test_a_line_that_is_not_there_cannot_be_set() -> None:
    with refused(NotFound, kind="cart line", id=SMALL):
        given(*catalog).when(ChangeCartLine(CART, SMALL, 1))


def test_a_line_is_removed() -> None:
    assert given(*filled_cart).when(RemoveFromCart(CART, LARGE)) == [CartLineRemoved(CART, LARGE)]


def test_a_cart_is_cleared() -> None:
    shop = given(*filled_cart)
    assert shop.when(ClearCart(CART)) == [CartCleared(CART)]
    assert shop(carts(CART)).lines == {}


def test_a_checked_out_cart_is_empty_and_goes_on() -> None:
    shop = given(*catalog, *filled_cart, CartCheckedOut(CART, ORDER))
    assert shop(carts(CART)).lines == {}
    assert shop.when(AddToCart(CART, SMALL, 1, ANN)) == [CartLineAdded(CART, SMALL, MUG, 1, (eur(700),))]
