"""The laws that the shop machine asks at every step notice what is broken on purpose."""

import pytest

from events import Event
from events.order import OrderInvoiced, OrderReturned, Returned
from events.paper import CreditNoteIssued, InvoiceIssued, Seller
from events.payment import PaymentRefunded
from events.stock import StockCommitted, StockReceived, StockReturned, StockWrittenOff
from tests.properties.shop_laws import broken_laws
from tests.unit.pasts import LARGE, LATER, ORDER, PAYMENT, RETURN, SMALL, TOTAL, eur, paid, placed, shipped

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
