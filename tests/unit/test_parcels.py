"""Orders that go out in several parcels, and goods that come back."""

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from commands.order import Status, orders
from commands.order_life import CancelOrder, CompleteOrder, ShipOrder, Units
from commands.rejections import InvalidTransition, LimitExceeded, NotFound, TooManyUnits
from commands.returning import Back, ReturnOrder
from commands.stock import Stock, stocks
from events import Event
from events.order import OrderPartlyShipped, OrderPlaced, OrderReturned, OrderShipped, Reservation, Returned
from events.stock import (
    StockCommitted,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReserved,
    StockReturned,
    StockThresholdSet,
    StockWrittenOff,
)
from events.values import DEFAULT_LOCATION, Line, Money
from tests.unit.pasts import (
    ANN,
    KITCHEN,
    LARGE,
    LINES,
    MUG,
    ORDER,
    RETURN,
    SMALL,
    TOTAL,
    attic,
    eur,
    paid,
    placed,
    shipped,
    stocked,
)
from tests.unit.shop import Shop, given, refused

FIRST = ShipOrder(ORDER, "DHL", "1", (Units(SMALL, 1),))
REST = ShipOrder(ORDER, "UPS", "2")


def returning(*units: tuple[object, ...], location: str = DEFAULT_LOCATION) -> ReturnOrder:
    return ReturnOrder(ORDER, RETURN, tuple(Back(*each) for each in units), "broken", location)  # type: ignore[arg-type]


def test_a_parcel_may_leave_something_behind_and_the_next_one_takes_the_rest() -> None:
    shop = given(*stocked, *placed, *paid)
    assert shop.when(FIRST) == [
        OrderPartlyShipped(ORDER, (Reservation(SMALL, DEFAULT_LOCATION, 1),), "DHL", "1"),
        StockCommitted(SMALL, ORDER, 1),
    ]
    assert shop(orders(ORDER)).status is Status.PAID
    assert shop.when(REST) == [
        OrderShipped(ORDER, "UPS", "2"),
        StockCommitted(LARGE, ORDER, 1),
        StockCommitted(SMALL, ORDER, 1),
    ]
    assert shop(orders(ORDER)).status is Status.SHIPPED
    assert shop(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=8, reserved=0)


def test_a_parcel_that_names_all_that_is_left_is_the_last_one() -> None:
    shop = given(*stocked, *placed, *paid)
    shop.when(FIRST)
    last = ShipOrder(ORDER, "UPS", "2", (Units(LARGE, 1), Units(SMALL, 1)))
    assert shop.when(last)[0] == OrderShipped(ORDER, "UPS", "2")


def test_units_leave_the_locations_where_they_are_reserved() -> None:
    places = (Reservation(SMALL, DEFAULT_LOCATION, 1), Reservation(SMALL, "attic", 2))
    line = Line(SMALL, MUG, "Mug", KITCHEN, 3, eur(700), eur(2100))
    reserved = [StockReserved(SMALL, ORDER, each.quantity, location=each.location) for each in places]
    shop = given(*stocked, *attic, OrderPlaced(ORDER, ANN, (line,), eur(2100), reservations=places), *reserved, *paid)
    assert shop.when(ShipOrder(ORDER, units=(Units(SMALL, 2),)))[1:] == [
        StockCommitted(SMALL, ORDER, 1),
        StockCommitted(SMALL, ORDER, 1, "attic"),
    ]
    assert shop.when(ShipOrder(ORDER)) == [OrderShipped(ORDER), StockCommitted(SMALL, ORDER, 1, "attic")]


def test_no_more_is_sent_than_there_is() -> None:
    shop = given(*stocked, *placed, *paid)
    shop.when(FIRST)
    too_many = {"sku": SMALL, "requested": 2, "possible": 1}
    with refused(TooManyUnits, items=[too_many, {"sku": "OTHER", "requested": 1, "possible": 0}]):
        shop.when(ShipOrder(ORDER, units=(Units(SMALL, 1), Units(SMALL, 1), Units("OTHER", 1), Units(LARGE, 1))))  # type: ignore[arg-type]
    with refused(LimitExceeded, limit=1):
        shop.when(ShipOrder(ORDER, units=(Units(SMALL, 0),)))


def test_an_order_is_not_cancelled_when_a_part_of_it_is_on_its_way() -> None:
    shop = given(*stocked, *placed, *paid)
    shop.when(FIRST)
    with refused(InvalidTransition, **{"from": "PAID", "to": "CANCELLED", "allowed": ["SHIPPED"]}):
        shop.when(CancelOrder(ORDER, "why"))
    with refused(InvalidTransition, **{"from": "PAID", "to": "COMPLETED", "allowed": ["SHIPPED"]}):
        shop.when(CompleteOrder(ORDER))


@pytest.mark.parametrize("past", [(), (paid,)])
def test_a_part_is_sent_of_a_paid_order_only(past: tuple[tuple[Event, ...], ...]) -> None:
    shop = given(*stocked, *placed, *(past[0] if past else ()), *([shipped] if past else []))
    with refused(InvalidTransition):
        shop.when(FIRST)


def sent() -> Shop:
    shop = given(*stocked, *placed, *paid)
    shop.when(ShipOrder(ORDER))
    return shop


def test_what_comes_back_is_on_sale_again_or_written_off() -> None:
    shop = sent()
    assert shop.when(returning((SMALL, 1, True), (SMALL, 1, False), (LARGE, 1, False))) == [
        OrderReturned(
            ORDER,
            RETURN,
            (
                Returned(SMALL, 1, True, DEFAULT_LOCATION, eur(700)),
                Returned(SMALL, 1, False, DEFAULT_LOCATION, eur(700)),
                Returned(LARGE, 1, False, DEFAULT_LOCATION, eur(900)),
            ),
            "broken",
        ),
        StockReturned(LARGE, ORDER, 1, "broken"),
        StockWrittenOff(LARGE, ORDER, 1, "broken"),
        StockReturned(SMALL, ORDER, 1, "broken"),
        StockWrittenOff(SMALL, ORDER, 1, "broken"),
        StockReturned(SMALL, ORDER, 1, "broken"),
    ]
    assert shop(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=9)
    assert shop(stocks(LARGE, DEFAULT_LOCATION)) == Stock(on_hand=9)


def test_goods_may_come_back_to_another_location() -> None:
    shop = given(*stocked, *attic, *placed, *paid, shipped)
    assert shop.when(returning((SMALL, 2, True), location="attic"))[1:] == [
        StockReturned(SMALL, ORDER, 2, "broken", "attic")
    ]
    broken = StockReturned(LARGE, ORDER, 1, "broken", "attic"), StockWrittenOff(LARGE, ORDER, 1, "broken", "attic")
    assert shop.when(returning((LARGE, 1, False), location="attic"))[1:] == [*broken]
    with refused(NotFound):
        shop.when(returning((SMALL, 1, True), location="cellar"))


def test_no_more_comes_back_than_was_sent() -> None:
    shop = given(*stocked, *placed, *paid)
    with refused(InvalidTransition, **{"from": "PAID", "to": "RETURNED", "allowed": ["SHIPPED", "CANCELLED"]}):
        shop.when(returning((SMALL, 1, True)))
    shop.when(FIRST, returning((SMALL, 1, True)))
    unsent = {"sku": SMALL, "requested": 1, "possible": 0}
    with refused(TooManyUnits, items=[unsent, {"sku": LARGE, "requested": 1, "possible": 0}]):
        shop.when(returning((SMALL, 1, True), (LARGE, 1, True)))
    shop.when(REST)
    with refused(TooManyUnits, items=[{"sku": SMALL, "requested": 2, "possible": 1}]):
        shop.when(returning((SMALL, 2, True)))
    shop.when(returning((SMALL, 1, True)))
    with refused(TooManyUnits, items=[unsent]):
        shop.when(returning((SMALL, 1, True)))


@pytest.mark.parametrize("units", [(), ((SMALL, 0, True),), ((SMALL, 2, False), (SMALL, -1, True))])
def test_something_comes_back(units: tuple[tuple[object, ...], ...]) -> None:
    with refused(LimitExceeded, limit=1):
        sent().when(returning(*units))


def test_goods_that_come_back_may_end_a_shortage_and_broken_ones_do_not() -> None:
    shop = given(*stocked, StockThresholdSet(SMALL, 8), *placed, *paid, StockRanLow(SMALL, 8, 8), shipped)
    assert not [fact for fact in shop.when(returning((SMALL, 1, False))) if isinstance(fact, StockRecovered)]
    assert shop.when(returning((SMALL, 1, True)))[-1] == StockRecovered(SMALL, 9)


def test_there_is_room_for_what_comes_back() -> None:
    full = given(*stocked, *placed, *paid, shipped, StockReceived(SMALL, 2_000_000_000 - 10))
    with refused(LimitExceeded, limit=2_000_000_000):
        full.when(returning((SMALL, 1, True)))
    full.when(returning((SMALL, 1, False)))


def test_what_units_are_worth_holds_the_discount_and_the_tax() -> None:
    taxed = Line(SMALL, MUG, "Mug", KITCHEN, 2, eur(700), eur(1300), discount=100, tax=247, tax_ppm=190_000)
    for includes_tax, worth in ((False, 1547), (True, 1300)):
        order = OrderPlaced(ORDER, ANN, (taxed,), eur(worth), prices_include_tax=includes_tax)
        shop = given(*stocked, order, *paid, shipped)
        returned = shop.when(returning((SMALL, 2, True)))[0]
        assert isinstance(returned, OrderReturned)
        assert [each.worth for each in returned.units] == [eur(worth)]


@drawn(
    totals=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 10_000)), min_size=1, max_size=3),
    parts=st.lists(st.integers(1, 4), max_size=30),
)
def test_all_units_together_are_worth_what_the_lines_cost(totals: list[tuple[int, int]], parts: list[int]) -> None:
    """However they are spread over returns."""
    lines = tuple(Line(SMALL, MUG, "Mug", KITCHEN, n, eur(0), eur(total)) for n, total in totals)
    units, whole = sum(n for n, _ in totals), sum(total for _, total in totals)
    shop = given(*stocked, OrderPlaced(ORDER, ANN, lines, eur(whole)), *paid, shipped)
    worth = Money(0, "EUR")
    left = units
    for part in [*parts, units]:
        if taken := min(part, left):
            returned = shop.when(returning((SMALL, taken, True)))[0]
            assert isinstance(returned, OrderReturned)
            assert returned.units[0].worth.amount in (whole * taken // units, whole * taken // units + 1)
            worth, left = worth + returned.units[0].worth, left - taken
    assert worth == eur(whole)


def test_the_past_of_orders_that_were_sent_at_once_reads_as_before() -> None:
    shop = given(OrderPlaced(ORDER, ANN, LINES, TOTAL), *paid, shipped)
    order = shop(orders(ORDER))
    assert (order.status, order.parcels, order.returnable(SMALL), order.unsent(SMALL)) == (Status.SHIPPED, 1, 2, 0)
