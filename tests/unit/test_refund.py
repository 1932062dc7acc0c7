"""The money for an order: whatever is beyond what is due goes back, and no more of it than is held."""

import pytest

from commands.money import PaymentState
from commands.order import Status
from commands.order_life import CancelOrder
from commands.payment import MAX_PARTS, LetGo, PayOrder, RefundOrder
from commands.rejections import AmountRefused, LimitExceeded
from commands.settlement import RecordCapture, RecordRefund, RecordRefundFailure, RecordVoid
from events import Event
from events.order import OrderLapsed, OrderPaid
from events.payment import PaymentCaptured, PaymentRefunded, PaymentRequested, RefundFailed, RefundRequested
from events.values import RefundId
from tests.unit.pasts import (
    ORDER,
    PAYMENT,
    SECOND_PAYMENT,
    TOTAL,
    cancelled,
    captured,
    declined,
    eur,
    paid,
    placed,
    requested,
    shipped,
    stocked,
)
from tests.unit.paying import BACK, BACK_TOO, ONE, asked, set_aside, state, taken
from tests.unit.shop import given, refused


@pytest.mark.parametrize("end", [cancelled, OrderLapsed(ORDER)])
def test_money_for_an_order_that_came_to_nothing_goes_back_as_soon_as_it_comes(end: Event) -> None:
    shop = given(*placed, requested, end)
    back = RefundRequested(ORDER, PAYMENT, RefundId(f"{ORDER}.back1"), TOTAL, "the order was cancelled")
    assert shop.when(RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1")) == [captured, back]
    assert shop.when(LetGo(ORDER, "late")) == [], "it is on its way already"
    assert shop.when(RecordRefund(ORDER, PAYMENT, "r", "w", back.refund_id, TOTAL))
    assert state(shop) == (Status.CANCELLED, PaymentState.REFUNDED)


def test_an_order_that_is_paid_twice_gives_one_payment_back() -> None:
    shop = given(*placed, requested, declined, *[PaymentRequested(ORDER, SECOND_PAYMENT, TOTAL, "tok")])
    shop.when(RecordCapture(ORDER, SECOND_PAYMENT, TOTAL, "ref_2"))
    late = shop.when(RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1"))
    assert [type(fact) for fact in late] == [PaymentCaptured, RefundRequested]
    back = RefundRequested(ORDER, PAYMENT, RefundId(f"{ORDER}.back1"), TOTAL, "the order was paid already")
    assert late[1] == back
    assert state(shop) == (Status.PAID, PaymentState.CAPTURED)


def test_what_staff_gave_back_is_not_made_up_for_by_a_second_payment() -> None:
    part = RefundRequested(ORDER, PAYMENT, BACK, eur(500), "broken")
    facts = given(*placed, *paid, part).when(RecordCapture(ORDER, SECOND_PAYMENT, TOTAL, "ref_2"))
    assert [fact.amount for fact in facts] == [TOTAL, TOTAL], "it comes, and all of it goes"  # type: ignore[union-attr]


def test_what_is_on_its_way_back_from_an_open_order_pays_nothing_and_is_not_asked_back_twice() -> None:
    first = PaymentCaptured(ORDER, PAYMENT, eur(2000), "a")
    back = RefundRequested(ORDER, PAYMENT, BACK, eur(500), "w")
    [_, paid_now, excess] = given(*placed, first, back).when(RecordCapture(ORDER, SECOND_PAYMENT, eur(900), "b"))
    assert paid_now == OrderPaid(ORDER, SECOND_PAYMENT, TOTAL)
    assert isinstance(excess, RefundRequested) and excess.amount == eur(100)


def test_staff_give_back_parts_of_what_is_held_and_no_more() -> None:
    shop = given(*placed, *paid, shipped)
    part = RefundRequested(ORDER, PAYMENT, BACK, eur(800), "broken")
    assert shop.when(RefundOrder(ORDER, BACK, "broken", eur(800))) == [part]
    assert shop.when(RefundOrder(ORDER, BACK, "broken", eur(800))) == []
    with refused(AmountRefused, asked={"amount": 1501, "currency": "EUR"}, most={"amount": 1500, "currency": "EUR"}):
        shop.when(RefundOrder(ORDER, BACK_TOO, "greedy", eur(1501)))
    shop.when(RecordRefund(ORDER, PAYMENT, "r", "broken", BACK, eur(800)))
    assert state(shop) == (Status.SHIPPED, PaymentState.PARTIALLY_REFUNDED)
    shop.when(RefundOrder(ORDER, BACK_TOO, "all"), RecordRefund(ORDER, PAYMENT, "r", "all", BACK_TOO, eur(1500)))
    assert state(shop) == (Status.SHIPPED, PaymentState.REFUNDED)
    with refused(AmountRefused, asked={"amount": 0, "currency": "EUR"}, most={"amount": 0, "currency": "EUR"}):
        shop.when(RefundOrder(ORDER, RefundId("ref_3"), "again"))


def test_a_cent_too_much_goes_back_and_is_written_down() -> None:
    shop = given(*placed, requested)
    [*_, back] = shop.when(RecordCapture(ORDER, PAYMENT, eur(2301), "ref_1"))
    assert isinstance(back, RefundRequested) and back.amount == eur(1)
    gone = RecordRefund(ORDER, PAYMENT, "r", "w", back.refund_id, back.amount)
    assert shop.when(gone) == [PaymentRefunded(ORDER, PAYMENT, eur(1), "r", "w", back.refund_id)]
    assert len(shop.when(RefundOrder(ORDER, BACK, "goodwill", eur(1)))) == 1


def test_nothing_is_let_go_of_an_order_that_stands() -> None:
    assert given(*placed, *paid).when(LetGo(ORDER, "why")) == []


def test_a_refund_is_split_where_one_payment_does_not_hold_enough() -> None:
    first = (PaymentCaptured(ORDER, PAYMENT, eur(1300), "a"), PaymentCaptured(ORDER, SECOND_PAYMENT, eur(1000), "b"))
    facts = given(*placed, *first).when(RefundOrder(ORDER, BACK, "all", eur(1500)))
    assert [(fact.payment_id, fact.refund_id, fact.amount) for fact in facts] == [  # type: ignore[union-attr]
        (SECOND_PAYMENT, BACK, eur(1000)),
        (PAYMENT, "ref_1.1", eur(500)),
    ]


def test_a_refund_that_failed_can_be_tried_again_under_another_name() -> None:
    shop = given(*placed, *paid, cancelled)
    [back] = shop.when(LetGo(ORDER, "cancelled"))
    assert back == RefundRequested(ORDER, PAYMENT, RefundId(f"{ORDER}.back1"), TOTAL, "cancelled")
    assert isinstance(back, RefundRequested)
    failed = RecordRefundFailure(ORDER, PAYMENT, back.refund_id, "no")
    assert shop.when(failed) == [RefundFailed(ORDER, PAYMENT, back.refund_id, "no")]
    assert shop.when(failed) == []
    [again] = shop.when(LetGo(ORDER, "cancelled"))
    assert isinstance(again, RefundRequested) and again.refund_id != back.refund_id


def test_a_refund_that_nobody_asked_for_is_written_down_even_before_its_capture() -> None:
    shop = given(*placed, requested)
    unasked = PaymentRefunded(ORDER, PAYMENT, TOTAL, "r", "by the bank", BACK)
    command = RecordRefund(ORDER, PAYMENT, "r", "by the bank", BACK, TOTAL)
    assert shop.when(command, command) == [unasked]
    assert shop.when(RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1")) == [captured], "nothing is left to pay with"
    assert state(shop) == (Status.PENDING, PaymentState.REFUNDED)


def test_what_is_on_its_way_back_is_asked_for_again() -> None:
    """Else the order would stay open though its shopper has paid all there was to pay."""
    first, back = PaymentCaptured(ORDER, PAYMENT, eur(2000), "a"), RefundRequested(ORDER, PAYMENT, BACK, eur(500), "w")
    shop = given(*placed, requested, first, back)
    assert shop.when(PayOrder(ORDER, SECOND_PAYMENT, "tok")) == [
        PaymentRequested(ORDER, SECOND_PAYMENT, eur(800), "tok")
    ]
    shop.when(RecordCapture(ORDER, SECOND_PAYMENT, eur(800), "b"))
    assert state(shop) == (Status.PAID, PaymentState.CAPTURED)


def test_a_payment_is_captured_and_refunded_in_a_limited_number_of_parts() -> None:
    refunds = [RefundRequested(ORDER, PAYMENT, RefundId(f"r{n}"), eur(1), "w") for n in range(MAX_PARTS)]
    with refused(LimitExceeded, limit=MAX_PARTS):
        given(*placed, *paid, *refunds).when(RefundOrder(ORDER, BACK, "more", eur(1)))


def test_cancelling_while_a_capture_is_under_way_takes_its_money_back_in_the_end() -> None:
    shop = given(*stocked, *set_aside, asked(ONE, 2300))
    shop.when(CancelOrder(ORDER, "no"), LetGo(ORDER, "no"))
    facts = shop.when(taken(ONE, 2300))
    assert [type(fact) for fact in facts] == [PaymentCaptured, RefundRequested]
    assert shop.when(RecordVoid(ORDER, PAYMENT)) == []
