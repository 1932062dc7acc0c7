"""The laws that the shop machine asks at every step notice what is broken on purpose."""

from dataclasses import replace

import pytest

from events import Event
from events.order import OrderInvoiced, OrderReturned, Returned
from events.paper import CreditNoteIssued, InvoiceIssued, Seller
from events.payment import PaymentCaptured, PaymentRefunded, PaymentRequested, RefundFailed, RefundRequested
from events.stock import StockCommitted, StockReceived, StockReturned, StockWrittenOff
from events.values import Money, PaymentId, RefundId
from tests.properties.shop_laws import broken_laws
from tests.unit.pasts import LARGE, LATER, ORDER, PAYMENT, RETURN, SMALL, TOTAL, eur, paid, placed, requested, shipped

SHOP = Seller("A shop")
numbered = OrderInvoiced(ORDER, "INV-2026-000001")
invoiced = InvoiceIssued("2026", "INV-2026-000001", ORDER, TOTAL, LATER, SHOP)
credited = CreditNoteIssued("2026", "CN-2026-000001", ORDER, "INV-2026-000001", eur(700), "why", "", LATER, SHOP)
sold = (StockCommitted(SMALL, ORDER, 2), StockCommitted(LARGE, ORDER, 1))
back = OrderReturned(ORDER, RETURN, (Returned(SMALL, 1, False, "main", eur(700)),), "why")
shelved = (StockReturned(SMALL, ORDER, 1, "why"), StockWrittenOff(SMALL, ORDER, 1, "why"))
refunded = PaymentRefunded(ORDER, PAYMENT, eur(700), "ref", "why")
WHOLE: tuple[Event, ...] = (
    *(StockReceived(SMALL, 10), StockReceived(LARGE, 10)),
    *(*placed, *paid, numbered, invoiced, shipped, *sold, back, *shelved, refunded, credited),
)


def test_a_sound_shop_breaks_no_law() -> None:
    assert broken_laws(WHOLE) == []


@pytest.mark.parametrize("lost", [sold[0], sold[1], back, shelved[0], refunded, credited, invoiced, numbered, paid[1]])
def test_a_fact_that_is_missing_is_noticed(lost: Event) -> None:
    assert broken_laws([fact for fact in WHOLE if fact is not lost])


@pytest.mark.parametrize(
    "more", [sold[0], shelved[0], refunded, credited, invoiced, InvoiceIssued("2026", "2", ORDER, eur(1), LATER, SHOP)]
)
def test_a_fact_too_many_is_noticed(more: Event) -> None:
    assert broken_laws([*WHOLE, more])


@pytest.mark.parametrize(("worth", "is_sound"), [(eur(699), False), (eur(700), True), (eur(701), False)])
def test_a_cent_that_a_return_makes_or_loses_is_noticed(worth: Money, is_sound: bool) -> None:
    less = replace(back, units=(replace(back.units[0], worth=worth),))
    assert (broken_laws([less if fact is back else fact for fact in WHOLE]) == []) is is_sound


@pytest.mark.parametrize(("asked", "is_sound"), [(1_500, False), (1_501, True), (1_502, False)])
def test_who_is_asked_for_something_else_than_what_is_missing_is_noticed(asked: int, is_sound: bool) -> None:
    """Of 2,300 a thousand came, and 201 are on their way back or have gone; 3 more could not be given back."""
    going, gone, stays = RefundId("1"), RefundId("2"), RefundId("3")
    facts: tuple[Event, ...] = (
        *placed,
        requested,
        PaymentCaptured(ORDER, PAYMENT, eur(1_000), "ref"),
        *(
            RefundRequested(ORDER, PAYMENT, id_, eur(units), "why")
            for id_, units in [(going, 1), (gone, 200), (stays, 3)]
        ),
        PaymentRefunded(ORDER, PAYMENT, eur(200), "ref", "why", gone),
        RefundFailed(ORDER, PAYMENT, stays, "why"),
        PaymentRequested(ORDER, PaymentId("pay_2"), eur(asked), "tok"),
    )
    assert (broken_laws(facts) == []) is is_sound
