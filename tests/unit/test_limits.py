"""Where the rules turn: the last number that is allowed, what a fact leaves in the state, and what a refusal says."""

import pytest

from commands.cart import MAX_LINES, MAX_QUANTITY, AddToCart, ChangeCartLine
from commands.checkout import PlaceOrder, RecordSale
from commands.money import PaymentState
from commands.order import orders
from commands.order_life import CancelOrder, CompleteOrder, ShipOrder
from commands.payment import MAX_PAYMENT_ATTEMPTS, PayOrder
from commands.rejections import InvalidTransition, LimitExceeded, NotForSale, Rejected
from commands.settlement import RecordRefund
from commands.stock import MAX_UNITS, AdjustStock, ReceiveStock, Stock, StockCommand, stocks
from events import Event
from events.cart import CartLineAdded, CartOpened
from events.order import OrderPaid, OrderPlaced
from events.payment import PaymentDeclined, PaymentRefunded, PaymentRequested
from events.product import ProductArchived
from events.stock import StockAdjusted, StockCommitted, StockReceived, StockReserved
from events.values import DEFAULT_LOCATION, PaymentId, Sku
from tests.unit.pasts import (
    ANN,
    CART,
    LARGE,
    LINES,
    MUG,
    NOON,
    ORDER,
    PAYMENT,
    SMALL,
    TOTAL,
    attic,
    captured,
    catalog,
    declined,
    draft,
    eur,
    filled_cart,
    paid,
    placed,
    requested,
    shipped,
    stocked,
    variants,
)
from tests.unit.shop import given


@pytest.mark.parametrize(
    ("command", "fact"),
    [
        (ReceiveStock(SMALL, MAX_UNITS - 10), StockReceived(SMALL, MAX_UNITS - 10)),
        (AdjustStock(SMALL, MAX_UNITS - 10, "found"), StockAdjusted(SMALL, MAX_UNITS - 10, "found")),
    ],
)
def test_the_book_of_one_sku_can_be_full(command: StockCommand, fact: Event) -> None:
    assert given(*stocked).when(command) == [fact]


def test_stock_is_adjusted_where_it_lies() -> None:
    shop = given(*catalog, *attic)
    assert shop.when(AdjustStock(SMALL, -1, "lost", "attic")) == [StockAdjusted(SMALL, -1, "lost", "attic")]


def test_what_is_committed_is_neither_on_hand_nor_reserved_any_more() -> None:
    shop = given(*stocked, StockReserved(SMALL, ORDER, 4), StockCommitted(SMALL, ORDER, 3))
    assert shop(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=7, reserved=1)


def test_a_line_can_hold_as_many_as_are_allowed() -> None:
    shop = given(*stocked, *filled_cart)
    assert shop.when(AddToCart(CART, SMALL, MAX_QUANTITY - 2))[0] == CartLineAdded(
        CART, SMALL, MUG, MAX_QUANTITY - 2, (eur(700),)
    )


def test_nothing_is_removed_by_setting_what_is_not_there_to_nothing() -> None:
    assert given(*stocked, CartOpened(CART, ANN)).when(ChangeCartLine(CART, SMALL, 0)) == []


def test_an_order_knows_whose_it_is_and_adds_up_the_lines_of_one_sku() -> None:
    twice = OrderPlaced(ORDER, ANN, (*LINES, LINES[0]), TOTAL, CART, NOON)
    order = given(twice)(orders(ORDER))
    assert (order.customer_id, order.quantities) == (ANN, {SMALL: 4, LARGE: 1})


def test_a_declined_payment_is_remembered_as_such() -> None:
    assert given(*placed, requested, declined)(orders(ORDER)).payment is PaymentState.DECLINED


def test_money_that_came_unasked_can_be_given_back() -> None:
    shop = given(*placed, captured, OrderPaid(ORDER, PAYMENT, TOTAL))
    refund = RecordRefund(ORDER, PAYMENT, "ref_2", "mistake")
    assert shop.when(refund) == [PaymentRefunded(ORDER, PAYMENT, TOTAL, "ref_2", "mistake")]


def test_an_order_is_shipped_again_only_as_the_same_parcel() -> None:
    shop = given(*stocked, *placed, *paid, shipped)
    assert shop.when(ShipOrder(ORDER, "DHL", "123")) == []
    for other in (ShipOrder(ORDER), ShipOrder(ORDER, "DHL", "124")):
        with pytest.raises(InvalidTransition):
            shop.when(other)


def test_a_refusal_says_what_is_to_be_done_first() -> None:
    with pytest.raises(InvalidTransition) as caught:
        given(*stocked, *placed).when(CompleteOrder(ORDER))
    assert caught.value.detail == "This order is not paid and sent yet: it can be completed when it is."


def _attempts(count: int) -> list[Event]:
    facts: list[Event] = []
    for n in range(count):
        payment = PaymentId(f"pay_{n}")
        facts += [PaymentRequested(ORDER, payment, TOTAL, "tok"), PaymentDeclined(ORDER, payment, "no funds")]
    return facts


def test_the_last_payment_attempt_is_allowed() -> None:
    shop = given(*stocked, *placed, *_attempts(MAX_PAYMENT_ATTEMPTS - 1))
    assert len(shop.when(PayOrder(ORDER, PaymentId("pay_last"), "tok"))) == 1


_PLACING = PlaceOrder(ORDER, ANN, CART, "USD", NOON)
FULL = [CartOpened(CART, ANN), *(CartLineAdded(CART, Sku(f"S-{n}"), MUG, 1) for n in range(MAX_LINES))]


@pytest.mark.parametrize(
    ("past", "command", "refusal", "says"),
    [
        ([*stocked], ReceiveStock(SMALL, 0), LimitExceeded, "^At least one unit is received.$"),
        ([*stocked], ReceiveStock(SMALL, MAX_UNITS), LimitExceeded, f"ends at {MAX_UNITS} units"),
        ([*stocked], AdjustStock(SMALL, MAX_UNITS, "found"), LimitExceeded, f"ends at {MAX_UNITS} units"),
        ([*stocked, *FULL], AddToCart(CART, SMALL, 1), LimitExceeded, f"at most {MAX_LINES} lines"),
        ([*stocked], AddToCart(CART, SMALL, 0), LimitExceeded, f"at least one unit of {SMALL}"),
        ([*stocked], AddToCart(CART, SMALL, MAX_QUANTITY + 1), LimitExceeded, f"At most {MAX_QUANTITY} units"),
        ([*stocked, ProductArchived(MUG)], AddToCart(CART, SMALL, 1), NotForSale, "archived"),
        ([*draft, *variants], AddToCart(CART, SMALL, 1), NotForSale, "draft"),
        ([*stocked, *filled_cart], _PLACING, NotForSale, "it has no price in USD"),
        (
            [*stocked],
            RecordSale(ORDER, ANN, ()),
            LimitExceeded,
            "^A sale has at least one line, and each at least one unit.$",
        ),
        (
            [*stocked, *placed, *_attempts(MAX_PAYMENT_ATTEMPTS)],
            PayOrder(ORDER, PaymentId("pay_more"), "tok"),
            LimitExceeded,
            f"in {MAX_PAYMENT_ATTEMPTS} attempts",
        ),
    ],
)
def test_a_refusal_says_why(past: list[Event], command: object, refusal: type[Rejected], says: str) -> None:
    with pytest.raises(refusal) as caught:
        given(*past).when(command)  # type: ignore[arg-type]
    assert says in f"^{caught.value.detail}$"


def test_a_cancelled_order_gives_back_what_it_held_once() -> None:
    shop = given(*stocked, *placed)
    shop.when(CancelOrder(ORDER, "why"))
    assert [shop(stocks(sku, DEFAULT_LOCATION)) for sku in (SMALL, LARGE)] == [Stock(10), Stock(10)]
    assert shop.when(CancelOrder(ORDER, "why")) == []
