"""The money for an order: set aside, taken in parts and let go, and never more of it than is due."""

from datetime import timedelta

import pytest

from commands import Command
from commands.money import PaymentState
from commands.order import ALLOWED, Status
from commands.order_life import LapseOrder
from commands.order_refusals import NOT_SET_ASIDE
from commands.payment import CapturePayment, LetGo, PayOrder
from commands.rejections import AmountRefused, InvalidTransition, PaymentUnderWay
from commands.settlement import (
    RecordActionRequired,
    RecordAuthorization,
    RecordCapture,
    RecordCaptureFailure,
    RecordDecline,
    RecordRefund,
    RecordVoid,
)
from events import Event
from events.order import OrderLapsed, OrderPaid, OrderPlaced
from events.payment import (
    CaptureFailed,
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentRequested,
    PaymentVoided,
    PaymentVoidRequested,
)
from events.values import CaptureId, Money
from tests.unit.pasts import (
    ANN,
    LATER,
    LINES,
    NOON,
    ORDER,
    PAYMENT,
    SECOND_PAYMENT,
    TOTAL,
    authorized,
    cancelled,
    captured,
    declined,
    eur,
    held,
    paid,
    placed,
    requested,
    stocked,
)
from tests.unit.paying import BACK, ONE, TWO, asked, set_aside, state, taken
from tests.unit.shop import given, refused

action = PaymentActionRequired(ORDER, PAYMENT, "https://3ds")


def test_money_is_set_aside_and_taken_in_parts_until_the_order_is_paid() -> None:
    shop = given(*placed)
    assert shop.when(PayOrder(ORDER, PAYMENT, "tok_ok", capture=False)) == [held]
    assert shop.when(RecordAuthorization(ORDER, PAYMENT, TOTAL, "ref_1", LATER)) == [authorized]
    assert state(shop) == (Status.PENDING, PaymentState.AUTHORIZED)
    assert shop.when(CapturePayment(ORDER, ONE, eur(1000))) == [asked(ONE, 1000)]
    assert shop.when(taken(ONE, 1000)) == [PaymentCaptured(ORDER, PAYMENT, eur(1000), "ref", ONE)]
    assert state(shop) == (Status.PENDING, PaymentState.PARTIALLY_CAPTURED)
    assert shop.when(CapturePayment(ORDER, TWO)) == [asked(TWO, 1300)], "without an amount, all that is left"
    assert shop.when(taken(TWO, 1300))[1:] == [OrderPaid(ORDER, PAYMENT, TOTAL)]
    assert state(shop) == (Status.PAID, PaymentState.CAPTURED)


def test_no_more_is_captured_than_was_set_aside_whatever_is_under_way() -> None:
    shop = given(*set_aside, asked(ONE, 2000))
    with refused(AmountRefused, asked={"amount": 301, "currency": "EUR"}, most={"amount": 300, "currency": "EUR"}):
        shop.when(CapturePayment(ORDER, TWO, eur(301)))
    with refused(AmountRefused):
        shop.when(CapturePayment(ORDER, TWO, Money(300, "USD")))
    with refused(AmountRefused):
        shop.when(CapturePayment(ORDER, TWO, eur(0)))
    shop.when(RecordCaptureFailure(ORDER, PAYMENT, ONE, "no"))
    assert shop.when(CapturePayment(ORDER, TWO, eur(2300))) == [asked(TWO, 2300)]


@pytest.mark.parametrize("past", [(), (requested,), (requested, declined), paid, (held, authorized, cancelled)])
def test_only_what_is_set_aside_can_be_captured(past: tuple[Event, ...]) -> None:
    shop = given(*placed, *past)
    status = state(shop)[0]
    with refused(
        InvalidTransition, **{"from": status, "to": Status.PAID, "allowed": [*ALLOWED.get(status, ())]}
    ) as caught:
        shop.when(CapturePayment(ORDER, ONE))
    assert (caught.value.detail == NOT_SET_ASIDE) == (status is Status.PENDING)


def test_a_capture_that_failed_leaves_the_money_set_aside() -> None:
    shop = given(*set_aside, asked(ONE, 2300))
    failure = RecordCaptureFailure(ORDER, PAYMENT, ONE, "no")
    assert shop.when(failure) == [CaptureFailed(ORDER, PAYMENT, ONE, "no")]
    assert shop.when(failure) == []
    assert state(shop) == (Status.PENDING, PaymentState.AUTHORIZED)


def test_money_that_is_set_aside_keeps_the_goods_until_it_is_not_any_more() -> None:
    shop = given(*stocked, *set_aside)
    assert shop.when(LapseOrder(ORDER, LATER - timedelta(seconds=1))) == []
    assert shop.when(LapseOrder(ORDER, LATER))[0] == OrderLapsed(ORDER)
    assert shop.when(LetGo(ORDER, "late")) == [PaymentVoidRequested(ORDER, PAYMENT, "late")]
    assert shop.when(LetGo(ORDER, "late")) == []
    assert shop.when(RecordVoid(ORDER, PAYMENT)) == [PaymentVoided(ORDER, PAYMENT)]
    assert state(shop) == (Status.CANCELLED, PaymentState.VOIDED)


def test_a_gateway_that_lets_go_by_itself_lets_the_order_lapse() -> None:
    shop = given(*stocked, *set_aside, PaymentVoided(ORDER, PAYMENT))
    assert OrderLapsed(ORDER) in shop.when(LapseOrder(ORDER, NOON))


def test_a_shopper_confirms_and_one_who_does_not_can_pay_in_another_way() -> None:
    shop = given(*placed, requested)
    assert shop.when(RecordActionRequired(ORDER, PAYMENT, "https://3ds")) == [action]
    assert state(shop) == (Status.PENDING, PaymentState.ACTION_REQUIRED)
    again = PayOrder(ORDER, SECOND_PAYMENT, "tok_other")
    assert shop.when(again) == [
        PaymentVoidRequested(ORDER, PAYMENT, "another way to pay was chosen"),
        PaymentRequested(ORDER, SECOND_PAYMENT, TOTAL, "tok_other"),
    ]
    with refused(PaymentUnderWay, payment_id=SECOND_PAYMENT):
        shop.when(PayOrder(ORDER, PAYMENT.__class__("pay_3"), "tok"))


def test_who_confirms_after_all_is_taken_at_his_word_and_the_other_payment_is_called_off() -> None:
    shop = given(*placed, requested, action)
    shop.when(PayOrder(ORDER, SECOND_PAYMENT, "tok_other"))
    paid_now = shop.when(RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1"))
    void = PaymentVoidRequested(ORDER, SECOND_PAYMENT, "the order was paid otherwise")
    assert paid_now == [captured, OrderPaid(ORDER, PAYMENT, TOTAL), void]


def test_money_that_is_set_aside_too_late_is_let_go() -> None:
    shop = given(*placed, held, declined, *paid[1:])
    assert shop.when(RecordAuthorization(ORDER, SECOND_PAYMENT, TOTAL, "ref_2", LATER)) == [
        PaymentAuthorized(ORDER, SECOND_PAYMENT, TOTAL, "ref_2", LATER),
        PaymentVoidRequested(ORDER, SECOND_PAYMENT, "it came too late"),
    ]


def test_where_the_capture_comes_along_an_authorization_is_no_news_before_it_or_after() -> None:
    news = RecordAuthorization(ORDER, PAYMENT, TOTAL, "ref_1", LATER)
    shop = given(*placed, requested)
    assert shop.when(news) == []
    shop.when(RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1"))
    assert shop.when(news) == []


def test_money_in_another_currency_is_not_about_this_order() -> None:
    with refused(AmountRefused):
        given(*placed, requested).when(RecordCapture(ORDER, PAYMENT, Money(2300, "USD"), "ref_1"))


@pytest.mark.parametrize("missing", [300, 1])
def test_what_was_taken_short_can_be_paid_up(missing: int) -> None:
    shop = given(*placed, requested, PaymentCaptured(ORDER, PAYMENT, eur(2300 - missing), "ref_1"))
    assert state(shop) == (Status.PENDING, PaymentState.PARTIALLY_CAPTURED)
    rest = shop.when(PayOrder(ORDER, SECOND_PAYMENT, "tok"))
    assert rest == [PaymentRequested(ORDER, SECOND_PAYMENT, eur(missing), "tok")]
    paid_up = RecordCapture(ORDER, SECOND_PAYMENT, eur(missing), "ref_2")
    assert OrderPaid(ORDER, SECOND_PAYMENT, TOTAL) in shop.when(paid_up)


def test_what_is_still_set_aside_when_the_order_is_paid_is_let_go() -> None:
    """A refund failed meanwhile, so a part of the second payment is enough."""
    first, second = PaymentCaptured(ORDER, PAYMENT, eur(2000), "a"), CaptureId("cap_2")
    set_aside = PaymentRequested(ORDER, SECOND_PAYMENT, eur(800), "tok", capture=False)
    authorization = PaymentAuthorized(ORDER, SECOND_PAYMENT, eur(800), "b", LATER)
    shop = given(*placed, requested, first, set_aside, authorization)
    shop.when(CapturePayment(ORDER, second, eur(300)))
    facts = shop.when(RecordCapture(ORDER, SECOND_PAYMENT, eur(300), "b", second))
    assert [type(fact) for fact in facts] == [PaymentCaptured, OrderPaid, PaymentVoidRequested]
    assert facts[-1].payment_id == SECOND_PAYMENT  # type: ignore[union-attr]


def test_an_order_that_costs_nothing_is_paid_without_a_gateway() -> None:
    free = OrderPlaced(ORDER, ANN, LINES, eur(0))
    assert given(free).when(PayOrder(ORDER, PAYMENT, "tok")) == [OrderPaid(ORDER, PAYMENT, eur(0))]


@pytest.mark.parametrize(
    "command",
    [
        RecordCapture(ORDER, PAYMENT, TOTAL, "r"),
        RecordDecline(ORDER, PAYMENT, "no"),
        RecordVoid(ORDER, PAYMENT),
        RecordAuthorization(ORDER, PAYMENT, TOTAL, "r", LATER),
        RecordActionRequired(ORDER, PAYMENT, "https://3ds"),
        RecordRefund(ORDER, PAYMENT, "r", "w", BACK, eur(1)),
    ],
)
def test_whatever_is_said_twice_is_written_down_once(command: Command) -> None:
    shop = given(*placed, requested)
    shop.when(command)
    assert shop.when(command) == []
