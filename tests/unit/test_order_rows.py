"""What the read tables say of orders, their money and their coupons."""

from dataclasses import replace

from events import Event
from events.coupon import CouponChanged, CouponRedeemed, CouponReturned, CouponWithdrawn
from events.order import OrderLapsed, OrderPlaced, Shipping
from events.payment import (
    CaptureFailed,
    CaptureRequested,
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentRefunded,
    PaymentRequested,
    PaymentVoided,
    RefundFailed,
    RefundRequested,
)
from events.values import Address, CaptureId, OrderId, RefundId
from projections.coupon import CouponRow, coupon
from projections.order_summary import LAPSE_REASON, OrderSummaryRow, order_summary
from projections.payments import PaymentRow
from tests.unit import pasts
from tests.unit.pasts import ANN, CART, LATER, LINES, NOON, ORDER, PAYMENT, SECOND_PAYMENT, TOTAL, eur
from tests.unit.told_rows import minute, rows


def order_row(*events: Event) -> OrderSummaryRow:
    row: OrderSummaryRow = rows(order_summary, *events)[ORDER,]
    return row


placed_row = OrderSummaryRow(
    ORDER,
    ANN,
    "PENDING",
    "NONE",
    2_300,
    "EUR",
    LINES,
    None,
    "",
    "",
    "",
    placed_at=minute(1),
    lapses_at=NOON,
    updated_at=minute(1),
    version=1,
    cart_id=CART,
)


def test_an_order_begins_pending_and_keeps_its_lines_as_sold() -> None:
    assert rows(order_summary, *pasts.placed) == {(ORDER,): placed_row}
    home = Address("Ann", "Street 1", "Berlin", "10115", "DE")
    assert order_row(OrderPlaced(ORDER, ANN, LINES, TOTAL, ship_to=home)).ship_to == home


def test_an_order_shows_what_it_cost_step_by_step() -> None:
    shipping = Shipping("standard", "Standard", eur(490), eur(0), 490)
    told = OrderPlaced(
        ORDER,
        ANN,
        LINES,
        TOTAL,
        CART,
        NOON,
        shipping=shipping,
        coupon="SPRING",
        discount=490,
        tax=367,
        prices_include_tax=True,
        bill_to=pasts.HOME,
        email="ann@example.org",
    )
    assert order_row(told) == placed_row._replace(
        shipping=shipping,
        coupon="SPRING",
        discount_minor=490,
        tax_minor=367,
        prices_include_tax=True,
        bill_to=pasts.HOME,
        email="ann@example.org",
    )


def test_a_coupon_counts_its_redemptions() -> None:
    told = (
        pasts.tenth_off,
        CouponRedeemed("SPRING", ORDER, ANN, eur(230)),
        CouponRedeemed("SPRING", OrderId("ord_2"), ANN, eur(230)),
        CouponReturned("SPRING", ORDER, ANN),
    )
    row = CouponRow("SPRING", pasts.TENTH, False, 1, minute(1), minute(4), 4)
    assert rows(coupon, *told) == {("SPRING",): row}
    more = replace(pasts.TENTH, limit=9)
    changed = rows(coupon, *told, CouponChanged("SPRING", more), CouponWithdrawn("SPRING"))["SPRING",]
    assert changed == row._replace(terms=more, withdrawn=True, updated_at=minute(6), version=6)


def test_an_order_follows_its_money_and_its_parcel() -> None:
    told = [pasts.placed[0], *pasts.paid, pasts.shipped, pasts.completed]
    seen = [order_row(*told[:n]) for n in range(1, len(told) + 1)]
    assert [(row.status, row.payment) for row in seen] == [
        ("PENDING", "NONE"),
        ("PENDING", "REQUESTED"),
        ("PENDING", "CAPTURED"),
        ("PAID", "CAPTURED"),
        ("SHIPPED", "CAPTURED"),
        ("COMPLETED", "CAPTURED"),
    ]
    assert [row.version for row in seen] == [1, 2, 3, 4, 5, 6]
    assert [row.updated_at for row in seen] == [minute(n) for n in range(1, 7)]
    assert seen[2].lapses_at == NOON
    assert seen[3].lapses_at is None
    assert (seen[4].carrier, seen[4].tracking) == ("DHL", "123")
    assert {row.placed_at for row in seen} == {minute(1)}


def test_an_order_can_be_declined_cancelled_refunded_or_lapse() -> None:
    begun = pasts.placed[0]
    assert order_row(begun, pasts.requested, pasts.declined).payment == "DECLINED"
    cancelled = order_row(begun, pasts.cancelled)
    assert (cancelled.status, cancelled.cancel_reason, cancelled.lapses_at) == ("CANCELLED", "changed my mind", None)
    refunded = PaymentRefunded(ORDER, PAYMENT, TOTAL, "ref_2", "cancelled")
    row = order_row(begun, *pasts.paid, pasts.cancelled, refunded)
    assert (row.status, row.payment) == ("CANCELLED", "REFUNDED")
    lapsed = order_row(begun, OrderLapsed(ORDER))
    assert (lapsed.status, lapsed.cancel_reason, lapsed.lapses_at) == ("CANCELLED", LAPSE_REASON, None)


def test_an_order_tells_each_payment_and_what_came_and_went_by_it() -> None:
    second = PaymentRequested(ORDER, SECOND_PAYMENT, TOTAL, "tok_other", capture=False)
    cap, ref = CaptureId("cap_1"), RefundId("ref_1")
    story = [
        pasts.placed[0],
        pasts.requested,
        PaymentActionRequired(ORDER, PAYMENT, "https://3ds"),
        pasts.declined,
        second,
        PaymentAuthorized(ORDER, SECOND_PAYMENT, TOTAL, "r", LATER),
        CaptureRequested(ORDER, SECOND_PAYMENT, cap, eur(800)),
        CaptureFailed(ORDER, SECOND_PAYMENT, cap, "try again"),
        PaymentCaptured(ORDER, SECOND_PAYMENT, eur(800), "r", cap),
        PaymentVoided(ORDER, SECOND_PAYMENT),
        RefundRequested(ORDER, SECOND_PAYMENT, ref, eur(300), "broken"),
        PaymentRefunded(ORDER, SECOND_PAYMENT, eur(300), "r", "broken", ref),
        RefundRequested(ORDER, SECOND_PAYMENT, ref, eur(500), "broken"),
        RefundFailed(ORDER, SECOND_PAYMENT, ref, "no"),
    ]
    seen = [order_row(*story[: n + 1]) for n in range(len(story))]
    assert [row.payment for row in seen] == [
        *["NONE", "REQUESTED", "ACTION_REQUIRED", "DECLINED", "REQUESTED", "AUTHORIZED", "AUTHORIZED", "AUTHORIZED"],
        *["PARTIALLY_CAPTURED", "PARTIALLY_CAPTURED", "PARTIALLY_CAPTURED", *["PARTIALLY_REFUNDED"] * 3],
    ]
    assert seen[2].payments[0].url == "https://3ds"
    assert seen[5].lapses_at == LATER, "money that is set aside keeps the goods"
    assert seen[9].lapses_at == minute(10), "and when it is let go, nothing does"
    assert seen[10].payments[1].refunding_minor == 300
    assert (seen[-1].captured_minor, seen[-1].refunded_minor) == (800, 300)
    assert seen[-1].payments == (
        PaymentRow(PAYMENT, "tok_ok", "DECLINED", 2300, reason="no funds", state="DECLINED"),
        PaymentRow(SECOND_PAYMENT, "tok_other", "CAPTURED", 2300, 800, 0, 300, "", "no", "PARTIALLY_REFUNDED"),
    )
