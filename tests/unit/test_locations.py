"""Stock at several locations: transfers, what a checkout takes from where, and the word that something runs low."""

import pytest

from commands.checkout import PlaceOrder
from commands.location import MAX_LOCATIONS, BeginClosing, EndClosing, Locations, OpenLocation, all_locations
from commands.order_life import CancelOrder, LapseOrder, ShipOrder
from commands.payment import PayOrder
from commands.rejections import LimitExceeded, LocationInUse, NotFound, OutOfStock
from commands.settlement import RecordCapture
from commands.stock import (
    MAX_UNITS,
    AdjustStock,
    ReceiveStock,
    SetThreshold,
    Stock,
    StockCommand,
    TransferStock,
    stocks,
)
from events.location import LocationClosed, LocationClosing, LocationOpened
from events.order import OrderPlaced, Reservation
from events.stock import (
    StockAdjusted,
    StockArrived,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReserved,
    StockSent,
    StockThresholdSet,
)
from tests.unit.pasts import (
    ANN,
    CART,
    LARGE,
    LATER,
    NOON,
    ORDER,
    PAYMENT,
    SMALL,
    TOTAL,
    attic,
    filled_cart,
    paid,
    placed,
    stocked,
)
from tests.unit.shop import given, refused

HERE, THERE = stocks(SMALL, "main"), stocks(SMALL, "attic")
ORDERING = PlaceOrder(ORDER, ANN, CART, "EUR", NOON)
one_here = StockAdjusted(SMALL, -9, "sold elsewhere")


def test_a_location_is_opened_once_and_the_default_one_is_always_there() -> None:
    shop = given()
    assert shop.when(OpenLocation("main"), OpenLocation("cellar"), OpenLocation("attic"), OpenLocation("cellar")) == [
        LocationOpened("cellar"),
        LocationOpened("attic"),
    ]
    assert shop(all_locations).others == ("attic", "cellar")


def test_there_is_a_limited_number_of_locations() -> None:
    with refused(LimitExceeded, limit=MAX_LOCATIONS):
        given().when(*(OpenLocation(f"shelf-{n}") for n in range(MAX_LOCATIONS)))


def test_a_location_is_closed_once_it_was_found_empty_and_can_be_opened_again() -> None:
    shop = given(LocationOpened("attic"))
    assert shop.when(BeginClosing("attic"), BeginClosing("attic")) == [LocationClosing("attic")]
    assert shop(all_locations) == Locations(("attic",), closing=("attic",))
    assert shop.when(EndClosing("attic", 0), EndClosing("attic", 0)) == [LocationClosed("attic")]
    assert shop(all_locations) == Locations(closed=("attic",))
    assert shop.when(BeginClosing("attic")) == []
    assert shop.when(OpenLocation("attic")) == [LocationOpened("attic")]
    assert shop(all_locations) == Locations(("attic",))


def test_a_location_where_something_was_found_is_open_again() -> None:
    shop = given(LocationOpened("attic"), LocationClosing("attic"))
    assert shop.when(EndClosing("attic", 1), EndClosing("attic", 0)) == [LocationOpened("attic")]
    assert shop(all_locations) == Locations(("attic",))
    shop.when(BeginClosing("attic"))
    assert shop.when(OpenLocation("attic"), EndClosing("attic", 0)) == [LocationOpened("attic")]


def test_the_default_location_and_one_that_never_was_are_not_closed() -> None:
    with refused(LocationInUse, location="main"):
        given().when(BeginClosing("main"))
    with refused(NotFound, kind="stock location", id="nowhere"):
        given().when(BeginClosing("nowhere"))


def test_nothing_is_brought_to_a_location_that_is_being_closed_but_what_is_there_can_leave() -> None:
    for command in (
        ReceiveStock(SMALL, 1, location="attic"),
        AdjustStock(SMALL, 1, "found", "attic"),
        TransferStock(SMALL, 1, "main", "attic"),
    ):
        with refused(LocationInUse, location="attic"):
            given(*stocked, *attic, LocationClosing("attic")).when(command)
    shop = given(*stocked, *attic, LocationClosing("attic"), one_here, *filled_cart)
    assert len(shop.when(TransferStock(SMALL, 1, "attic", "main"), AdjustStock(SMALL, -1, "lost", "attic"))) == 3
    shop.when(ORDERING, CancelOrder(ORDER, "why"))
    assert shop(THERE) == Stock(3)


def test_a_closed_location_is_as_if_it_had_never_been() -> None:
    for command in (ReceiveStock(SMALL, 1, location="attic"), TransferStock(SMALL, 1, "main", "attic")):
        with refused(NotFound, kind="stock location", id="attic"):
            given(*stocked, LocationOpened("attic"), LocationClosed("attic")).when(command)


@pytest.mark.parametrize(
    "command",
    [
        ReceiveStock(SMALL, 1, location="nowhere"),
        AdjustStock(SMALL, 1, "found", "nowhere"),
        TransferStock(SMALL, 1, "main", "nowhere"),
        TransferStock(SMALL, 1, "nowhere", "main"),
        SetThreshold(SMALL, 1, "nowhere"),
    ],
)
def test_stock_is_kept_at_known_locations_only(command: StockCommand) -> None:
    with refused(NotFound, kind="stock location", id="nowhere"):
        given(*stocked).when(command)


def test_a_transfer_moves_units_from_one_location_to_another() -> None:
    shop = given(*stocked, *attic)
    assert shop.when(TransferStock(SMALL, 4, "main", "attic", "room")) == [
        StockSent(SMALL, 4, "attic", "room"),
        StockArrived(SMALL, 4, "main", "room", "attic"),
    ]
    assert (shop(HERE), shop(THERE)) == (Stock(6), Stock(9))
    assert shop.when(TransferStock(SMALL, 4, "attic", "attic")) == []


def test_what_is_reserved_is_not_transferred() -> None:
    with refused(OutOfStock, items=[{"sku": SMALL, "requested": 7, "available": 6}]):
        given(*stocked, *attic, StockReserved(SMALL, ORDER, 4)).when(TransferStock(SMALL, 7, "main", "attic"))


def test_a_transfer_moves_something_and_stays_within_the_book() -> None:
    with refused(LimitExceeded, limit=1):
        given(*stocked, *attic).when(TransferStock(SMALL, 0, "main", "attic"))
    with refused(LimitExceeded, limit=MAX_UNITS):
        given(*stocked, *attic, StockReceived(SMALL, MAX_UNITS - 5, location="attic")).when(
            TransferStock(SMALL, 1, "main", "attic")
        )


def test_an_order_takes_from_the_default_location_first_and_then_from_the_others() -> None:
    shop = given(*stocked, *attic, one_here, *filled_cart)
    facts = shop.when(ORDERING)
    taken = (Reservation(LARGE, "main", 1), Reservation(SMALL, "main", 1), Reservation(SMALL, "attic", 1))
    assert isinstance(facts[0], OrderPlaced)
    assert facts[0].reservations == taken
    assert [fact for fact in facts if isinstance(fact, StockReserved)] == [
        StockReserved(each.sku, ORDER, each.quantity, NOON, each.location) for each in taken
    ]
    assert (shop(HERE), shop(THERE)) == (Stock(1, 1), Stock(5, 1))


def test_an_order_that_the_default_location_serves_does_not_look_at_the_others() -> None:
    facts = given(*stocked, *attic, *filled_cart).when(ORDERING)
    assert isinstance(facts[0], OrderPlaced)
    assert facts[0].reservations == ()


def test_what_all_locations_have_together_is_what_is_left() -> None:
    few = (StockAdjusted(SMALL, -10, "lost"), StockAdjusted(SMALL, -4, "lost", "attic"), LocationOpened("cellar"))
    with refused(OutOfStock, items=[{"sku": SMALL, "requested": 2, "available": 1}]):
        given(*stocked, *attic, *few, *filled_cart).when(ORDERING)


def test_the_last_units_of_all_locations_can_be_had() -> None:
    shop = given(*stocked, *attic, one_here, StockAdjusted(SMALL, -4, "lost", "attic"), *filled_cart)
    shop.when(ORDERING)
    assert (shop(HERE).available, shop(THERE).available) == (0, 0)


def test_goods_are_given_back_where_they_were_reserved() -> None:
    for undo in (CancelOrder(ORDER, "why"), LapseOrder(ORDER, LATER)):
        shop = given(*stocked, *attic, one_here, *filled_cart)
        shop.when(ORDERING, undo)
        assert (shop(HERE), shop(THERE)) == (Stock(1), Stock(5))


def test_goods_leave_the_house_where_they_were_reserved() -> None:
    shop = given(*stocked, *attic, one_here, *filled_cart)
    shop.when(ORDERING, PayOrder(ORDER, PAYMENT, "tok"), RecordCapture(ORDER, PAYMENT, TOTAL, "ref"), ShipOrder(ORDER))
    assert (shop(HERE), shop(THERE)) == (Stock(0), Stock(4))


def test_running_low_is_said_once_per_crossing() -> None:
    shop = given(*stocked)
    assert shop.when(SetThreshold(SMALL, 4)) == [StockThresholdSet(SMALL, 4)]
    assert shop.when(AdjustStock(SMALL, -5, "lost")) == [StockAdjusted(SMALL, -5, "lost")]
    assert shop.when(AdjustStock(SMALL, -1, "lost")) == [StockAdjusted(SMALL, -1, "lost"), StockRanLow(SMALL, 4, 4)]
    assert shop.when(AdjustStock(SMALL, -1, "lost")) == [StockAdjusted(SMALL, -1, "lost")]
    assert shop.when(ReceiveStock(SMALL, 1)) == [StockReceived(SMALL, 1)]
    assert shop.when(ReceiveStock(SMALL, 1)) == [StockReceived(SMALL, 1), StockRecovered(SMALL, 5)]


def test_a_threshold_may_be_crossed_by_setting_it() -> None:
    shop = given(*stocked)
    assert shop.when(SetThreshold(SMALL, 10)) == [StockThresholdSet(SMALL, 10), StockRanLow(SMALL, 10, 10)]
    assert shop.when(SetThreshold(SMALL, 11)) == [StockThresholdSet(SMALL, 11)]
    assert shop.when(SetThreshold(SMALL, None)) == [StockThresholdSet(SMALL, None), StockRecovered(SMALL, 10)]
    assert shop.when(AdjustStock(SMALL, -10, "lost")) == [StockAdjusted(SMALL, -10, "lost")]


def test_an_order_may_take_the_stock_across_the_threshold_and_its_end_brings_it_back() -> None:
    shop = given(*stocked, *filled_cart)
    shop.when(SetThreshold(SMALL, 8))
    assert StockRanLow(SMALL, 8, 8) in shop.when(ORDERING)
    assert StockRecovered(SMALL, 10) in shop.when(CancelOrder(ORDER, "why"))


def test_what_is_sold_was_not_available_any_more() -> None:
    shop = given(*stocked, *placed, *paid, StockThresholdSet(SMALL, 8), StockRanLow(SMALL, 8, 8))
    assert not [fact for fact in shop.when(ShipOrder(ORDER)) if isinstance(fact, StockRanLow | StockRecovered)]


def test_each_location_has_a_threshold_of_its_own() -> None:
    shop = given(*stocked, *attic)
    shop.when(SetThreshold(SMALL, 2, "attic"))
    facts = shop.when(TransferStock(SMALL, 4, "attic", "main"))
    assert facts[1:2] == [StockRanLow(SMALL, 1, 2, "attic")]
    assert not shop(HERE).is_low
