"""An order's life: paid, shipped, completed or cancelled, and the money beside it."""

from datetime import timedelta

import pytest

from commands import Command
from commands.money import PaymentState
from commands.order import ALLOWED, Order, Status, cannot, orders
from commands.order_life import PAYMENT_GRACE, CancelOrder, CompleteOrder, LapseOrder, ShipOrder
from commands.order_refusals import PAID_ALREADY, PARTLY_SENT
from commands.payment import MAX_PAYMENT_ATTEMPTS, PayOrder
from commands.rejections import InvalidTransition, LimitExceeded, NotFound, PaymentUnderWay
from commands.settlement import RecordCapture, RecordDecline, RecordRefund
from commands.stock import Stock, stocks
from events import Event
from events.order import OrderCancelled, OrderCompleted, OrderLapsed, OrderPaid, OrderPlaced, OrderShipped
from events.payment import PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentRequested
from events.stock import StockCommitted, StockLapsed, StockReleased
from events.values import DEFAULT_LOCATION, PaymentId
from tests.unit.pasts import (
    ANN,
    LARGE,
    LATER,
    LINES,
    NOON,
    ORDER,
    PAYMENT,
    SECOND_PAYMENT,
    SMALL,
    TOTAL,
    cancelled,
    captured,
    completed,
    declined,
    eur,
    paid,
    placed,
    requested,
    shipped,
    stocked,
)
from tests.unit.shop import given, refused

PAY, PAY_AGAIN = PayOrder(ORDER, PAYMENT, "tok_ok"), PayOrder(ORDER, SECOND_PAYMENT, "tok_other")
CAPTURE = RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1")
DECLINE = RecordDecline(ORDER, PAYMENT, "no funds")
REFUND = RecordRefund(ORDER, PAYMENT, "ref_2", "the order was cancelled")
SHIP, COMPLETE, CANCEL = ShipOrder(ORDER, "DHL", "123"), CompleteOrder(ORDER), CancelOrder(ORDER, "changed my mind")
COMMANDS = (PAY, CAPTURE, DECLINE, REFUND, SHIP, COMPLETE, CANCEL, LapseOrder(ORDER, LATER))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_there_is_nothing_to_do_about_an_order_that_does_not_exist(command: Command) -> None:
    with refused(NotFound, kind="order", id=ORDER):
        given().when(command)


def test_an_order_is_paid_by_what_the_gateway_says() -> None:
    assert given(*placed).when(PAY) == [requested]
    assert given(*placed, requested).when(CAPTURE) == [captured, OrderPaid(ORDER, PAYMENT, TOTAL)]
    assert given(*placed, requested).when(DECLINE) == [declined]


def test_one_payment_is_open_at_a_time() -> None:
    with refused(PaymentUnderWay, payment_id=PAYMENT):
        given(*placed, requested).when(PAY_AGAIN)
    assert given(*placed, requested).when(PAY) == []


def test_a_parcel_is_not_sent_twice_and_another_one_is_no_repetition() -> None:
    shop = given(*placed, *paid, shipped)
    with refused(InvalidTransition):
        shop.when(ShipOrder(ORDER, "another carrier", "456"))


def test_a_declined_payment_can_be_tried_in_another_way() -> None:
    again = PaymentRequested(ORDER, SECOND_PAYMENT, TOTAL, "tok_other")
    assert given(*placed, requested, declined).when(PAY_AGAIN) == [again]
    assert given(*placed, requested, declined).when(PAY) == []


def test_an_order_can_be_paid_in_a_limited_number_of_attempts() -> None:
    attempts: list[Event] = []
    for n in range(MAX_PAYMENT_ATTEMPTS):
        payment_id = PaymentId(f"pay_{n}")
        attempts += [
            PaymentRequested(ORDER, payment_id, TOTAL, "tok"),
            PaymentDeclined(ORDER, payment_id, "no funds"),
        ]
    with refused(LimitExceeded, limit=MAX_PAYMENT_ATTEMPTS):
        given(*placed, *attempts).when(PayOrder(ORDER, PaymentId("pay_new"), "tok"))


@pytest.mark.parametrize(
    ("past", "state", "allowed"),
    [
        (paid, "PAID", ["SHIPPED", "CANCELLED"]),
        ((*paid, shipped), "SHIPPED", ["COMPLETED"]),
        ((*paid, shipped, completed), "COMPLETED", []),
        ((cancelled,), "CANCELLED", []),
    ],
)
def test_an_order_is_paid_only_while_it_is_pending(past: tuple[Event, ...], state: str, allowed: list[str]) -> None:
    with refused(InvalidTransition, **{"from": state, "to": "PAID", "allowed": allowed}):
        given(*placed, *past).when(PAY_AGAIN)


@pytest.mark.parametrize("to", ["PAID", "SHIPPED", "COMPLETED", "CANCELLED", "RETURNED"])
@pytest.mark.parametrize("status", [each for each in Status if each is not Status.NEW])
def test_whoever_is_refused_is_told_what_can_be_done(status: Status, to: str) -> None:
    """Nobody is left to guess why a thing that is PAID cannot become PAID."""
    possible = {*ALLOWED.get(status, ()), status if status is not Status.PAID else ""}
    sent = status in (Status.SHIPPED, Status.COMPLETED)
    if to not in possible and not (sent and to == "RETURNED"):
        assert "cannot become" not in cannot(Order(status), to).detail
    assert cannot(Order(Status.PAID, parcels=1), "PAID").detail == PAID_ALREADY
    assert cannot(Order(Status.PAID, parcels=1), "CANCELLED").detail == PARTLY_SENT


def test_money_that_comes_after_the_cancellation_is_written_down_but_pays_nothing() -> None:
    shop = given(*placed, requested, cancelled)
    assert shop.when(CAPTURE)[0] == captured
    assert (shop(orders(ORDER)).status, shop(orders(ORDER)).payment) == (Status.CANCELLED, PaymentState.CAPTURED)


def test_what_a_declined_or_unknown_payment_says_later_is_not_news() -> None:
    assert given(*placed, requested, declined).when(DECLINE) == []
    assert given(*placed, requested).when(RecordDecline(ORDER, SECOND_PAYMENT, "no funds")) == []
    assert given(*placed).when(DECLINE) == []


def test_money_held_is_given_back_once() -> None:
    refunded = PaymentRefunded(ORDER, PAYMENT, TOTAL, "ref_2", "the order was cancelled")
    shop = given(*placed, *paid, cancelled)
    assert shop.when(REFUND) == [refunded]
    assert shop.when(REFUND) == []
    assert shop.when(CAPTURE) == []


def test_money_that_is_not_held_is_not_given_back() -> None:
    assert given(*placed, requested).when(REFUND) == []
    assert given(*placed, *paid).when(RecordRefund(ORDER, SECOND_PAYMENT, "ref_2", "why")) == []


def test_shipping_sells_what_was_reserved() -> None:
    shop = given(*stocked, *placed, *paid)
    assert shop.when(SHIP) == [
        OrderShipped(ORDER, "DHL", "123"),
        StockCommitted(LARGE, ORDER, 1),
        StockCommitted(SMALL, ORDER, 2),
    ]
    assert shop(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=8, reserved=0)


def test_a_shipped_order_is_completed() -> None:
    assert given(*placed, *paid, shipped).when(COMPLETE) == [OrderCompleted(ORDER)]


@pytest.mark.parametrize("past", [(), paid, (requested,), (requested, declined)])
def test_cancelling_gives_back_what_was_reserved(past: tuple[Event, ...]) -> None:
    shop = given(*stocked, *placed, *past)
    assert shop.when(CANCEL) == [
        OrderCancelled(ORDER, "changed my mind"),
        StockReleased(LARGE, ORDER, 1, "changed my mind"),
        StockReleased(SMALL, ORDER, 2, "changed my mind"),
    ]
    assert shop(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=10, reserved=0)


@pytest.mark.parametrize(
    ("past", "command", "state", "verb", "allowed"),
    [
        ((), SHIP, "PENDING", "SHIPPED", ["PAID", "CANCELLED"]),
        ((cancelled,), SHIP, "CANCELLED", "SHIPPED", []),
        ((), COMPLETE, "PENDING", "COMPLETED", ["PAID", "CANCELLED"]),
        (paid, COMPLETE, "PAID", "COMPLETED", ["SHIPPED", "CANCELLED"]),
        ((cancelled,), COMPLETE, "CANCELLED", "COMPLETED", []),
        ((*paid, shipped), CANCEL, "SHIPPED", "CANCELLED", ["COMPLETED"]),
        ((*paid, shipped, completed), CANCEL, "COMPLETED", "CANCELLED", []),
    ],
)
def test_what_the_state_diagram_does_not_show_is_refused(
    past: tuple[Event, ...], command: Command, state: str, verb: str, allowed: list[str]
) -> None:
    with refused(InvalidTransition, **{"from": state, "to": verb, "allowed": allowed}):
        given(*placed, *past).when(command)


@pytest.mark.parametrize("past", [(), (requested, declined)])
def test_an_order_that_nobody_paid_lapses_when_its_time_has_come(past: tuple[Event, ...]) -> None:
    shop = given(*stocked, *placed, *past)
    assert shop.when(LapseOrder(ORDER, NOON - timedelta(seconds=1))) == []
    assert shop.when(LapseOrder(ORDER, NOON)) == [
        OrderLapsed(ORDER),
        StockLapsed(LARGE, ORDER, 1),
        StockLapsed(SMALL, ORDER, 2),
    ]
    assert shop(orders(ORDER)).status is Status.CANCELLED
    assert shop(stocks(SMALL, DEFAULT_LOCATION)) == Stock(on_hand=10, reserved=0)


def test_a_payment_without_an_answer_keeps_an_order_from_lapsing_for_a_while() -> None:
    shop = given(*stocked, *placed, requested)
    assert shop.when(LapseOrder(ORDER, NOON + PAYMENT_GRACE - timedelta(seconds=1))) == []
    assert OrderLapsed(ORDER) in shop.when(LapseOrder(ORDER, NOON + PAYMENT_GRACE))
    assert shop.when(CAPTURE)[0] == captured, "money that comes later is written down"


@pytest.mark.parametrize("past", [paid, (*paid, shipped), (cancelled,)])
def test_an_order_does_not_lapse_when_it_is_decided(past: tuple[Event, ...]) -> None:
    assert given(*placed, *past).when(LapseOrder(ORDER, LATER)) == []


def test_an_order_without_a_deadline_never_lapses() -> None:
    assert given(OrderPlaced(ORDER, ANN, LINES, TOTAL)).when(LapseOrder(ORDER, LATER)) == []


def test_a_capture_keeps_the_amount_that_was_taken() -> None:
    less = RecordCapture(ORDER, PAYMENT, eur(1), "ref_1")
    assert given(*placed, requested).when(less)[0] == PaymentCaptured(ORDER, PAYMENT, eur(1), "ref_1")
