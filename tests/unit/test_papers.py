"""Invoices and credit notes: issued with the money, numbered without a gap, handed out once."""

from datetime import UTC, datetime, timedelta, timezone

from commands import Command
from commands.order import orders
from commands.order_life import CancelOrder, CompleteOrder, ShipOrder
from commands.paper import HandOut, IssuePapers
from commands.payment import PayOrder, RefundOrder
from commands.settlement import RecordCapture, RecordRefund
from events import Event
from events.order import OrderCredited, OrderInvoiced, OrderPlaced
from events.paper import CreditNoteIssued, InvoiceIssued, PaperHandedOut, Seller
from events.payment import PaymentCaptured, PaymentRefunded
from events.values import OrderId, PaymentId, RefundId
from tests.unit.pasts import (
    ANN,
    LATER,
    LINES,
    ORDER,
    PAYMENT,
    SECOND_PAYMENT,
    TOTAL,
    cancelled,
    eur,
    paid,
    placed,
    requested,
    stocked,
)
from tests.unit.shop import Shop, given

SHOP = Seller("Mugs & Co", ("Street 1", "10115 Berlin"), "DE123")
ISSUE = IssuePapers(ORDER, LATER, SHOP)
CAPTURE = RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1")
REFUND = RecordRefund(ORDER, PAYMENT, "ref_2", "the order was cancelled")
FIRST = "INV-2026-000001"


def numbers(facts: list[Event]) -> list[str]:
    return [fact.number for fact in facts if isinstance(fact, InvoiceIssued | CreditNoteIssued)]


def test_an_order_gets_its_invoice_when_it_is_paid() -> None:
    shop = given(*placed, requested)
    assert shop.when(ISSUE) == []
    assert shop.when(CAPTURE, ISSUE)[2:] == [
        OrderInvoiced(ORDER, FIRST),
        InvoiceIssued("2026", FIRST, ORDER, TOTAL, LATER, SHOP),
    ]
    assert shop.when(ISSUE, CAPTURE, ISSUE) == []


def test_numbers_follow_one_another_and_begin_anew_with_the_year_in_utc() -> None:
    last_moment = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    in_tokyo = datetime(2027, 1, 1, 8, 59, tzinfo=timezone(timedelta(hours=9)))
    shop = given()
    issued = []
    for n, at in enumerate([LATER, last_moment, in_tokyo, last_moment + timedelta(seconds=1), last_moment]):
        order_id, payment_id = OrderId(f"ord_{n}"), PaymentId(f"pay_{n}")
        facts = given_paid(shop, order_id, payment_id).when(IssuePapers(order_id, at, SHOP))
        issued += numbers(facts)
    assert issued == [FIRST, "INV-2026-000002", "INV-2026-000003", "INV-2027-000001", "INV-2026-000004"]


def given_paid(shop: Shop, order_id: OrderId, payment_id: PaymentId) -> Shop:
    shop.add(OrderPlaced(order_id, ANN, LINES, TOTAL))
    shop.when(PayOrder(order_id, payment_id, "tok"), RecordCapture(order_id, payment_id, TOTAL, "ref"))
    return shop


def test_what_went_back_before_there_was_an_invoice_gets_no_credit_note() -> None:
    """It was paid once more since: the invoice is what the order costs, and all of that is held."""
    part = PaymentCaptured(ORDER, PAYMENT, eur(2000), "a"), PaymentRefunded(ORDER, PAYMENT, eur(500), "r", "why")
    shop = given(*placed, requested, *part)
    shop.when(PayOrder(ORDER, SECOND_PAYMENT, "tok"))
    facts = shop.when(RecordCapture(ORDER, SECOND_PAYMENT, eur(800), "b"), ISSUE)
    assert numbers(facts) == [FIRST]
    assert numbers(shop.when(RecordRefund(ORDER, SECOND_PAYMENT, "r", "why", RefundId("ref_2"), eur(100)), ISSUE)) == [
        "CN-2026-000001"
    ]


def test_a_refund_gets_a_credit_note_that_names_the_invoice() -> None:
    shop = given(*stocked, *placed, requested)
    shop.when(CAPTURE, ISSUE, CancelOrder(ORDER, "changed my mind"))
    assert shop.when(REFUND, ISSUE)[1:] == [
        OrderCredited(ORDER, "CN-2026-000001", TOTAL),
        CreditNoteIssued("2026", "CN-2026-000001", ORDER, FIRST, TOTAL, "the order was cancelled", "", LATER, SHOP),
    ]
    assert shop(orders(ORDER)).uncredited == ()
    assert shop.when(REFUND, ISSUE) == []


def test_what_was_never_invoiced_is_not_credited() -> None:
    """Money that came too late goes back: it paid for nothing."""
    shop = given(*placed, requested, cancelled)
    assert numbers(shop.when(CAPTURE, ISSUE, REFUND, ISSUE)) == []


def test_history_brought_in_gets_no_invoice_afterwards() -> None:
    commands: list[Command] = [CAPTURE, ShipOrder(ORDER), CompleteOrder(ORDER), ISSUE]
    assert numbers(given(*stocked, *placed, requested).when(*commands)) == []


def test_an_order_that_was_paid_before_there_were_invoices_gets_one_when_it_is_next_asked_about() -> None:
    assert numbers(given(*placed, *paid).when(ISSUE)) == [FIRST]


def test_the_original_is_handed_out_once() -> None:
    shop = given()
    assert shop.when(HandOut(FIRST)) == [PaperHandedOut(FIRST)]
    assert shop.when(HandOut(FIRST)) == []
    assert shop.when(HandOut("CN-2026-000001")) == [PaperHandedOut("CN-2026-000001")]


def test_refunds_in_parts_have_a_credit_note_each_and_never_more_than_the_invoice() -> None:
    shop = given(*stocked, *placed, requested)
    shop.when(CAPTURE, ISSUE)
    credited = []
    for n, amount in enumerate((500, 1_000, 800), 1):
        refund_id = RefundId(f"ref_{n}")
        shop.when(RefundOrder(ORDER, refund_id, "broken", eur(amount)))
        facts = shop.when(RecordRefund(ORDER, PAYMENT, "ref", "broken", refund_id, eur(amount)), ISSUE)
        credited += [(fact.number, fact.amount, fact.refund_id) for fact in facts if isinstance(fact, CreditNoteIssued)]
    assert credited == [
        ("CN-2026-000001", eur(500), "ref_1"),
        ("CN-2026-000002", eur(1_000), "ref_2"),
        ("CN-2026-000003", eur(800), "ref_3"),
    ]


def test_refunds_that_waited_for_their_notes_get_them_together() -> None:
    shop = given(*stocked, *placed, requested)
    shop.when(CAPTURE, ISSUE)
    for n, amount in enumerate((500, 1_800), 1):
        shop.when(RecordRefund(ORDER, PAYMENT, "ref", "broken", RefundId(f"ref_{n}"), eur(amount)))
    assert numbers(shop.when(ISSUE)) == ["CN-2026-000001", "CN-2026-000002"]
    assert shop(orders(ORDER)).credited == TOTAL.amount


def test_money_that_was_paid_twice_goes_back_without_a_credit_note() -> None:
    shop = given(*stocked, *placed, requested)
    shop.when(CAPTURE, ISSUE, RecordCapture(ORDER, SECOND_PAYMENT, TOTAL, "ref_2"))
    extra = RecordRefund(ORDER, SECOND_PAYMENT, "ref_3", "the order was paid already", RefundId("ref_1"), TOTAL)
    assert numbers(shop.when(extra, ISSUE)) == []
    shop.when(CancelOrder(ORDER, "changed my mind"))
    last = shop.when(RecordRefund(ORDER, PAYMENT, "ref_4", "cancelled", RefundId("ref_2"), TOTAL), ISSUE)
    assert numbers(last) == ["CN-2026-000001"]


def test_money_that_comes_late_and_goes_back_after_a_refund_is_not_credited_either() -> None:
    shop = given(*stocked, *placed, requested)
    shop.when(CAPTURE, ISSUE, RecordRefund(ORDER, PAYMENT, "ref", "broken", RefundId("ref_1"), eur(500)), ISSUE)
    shop.when(RecordCapture(ORDER, SECOND_PAYMENT, eur(1_000), "ref_2"))
    extra = RecordRefund(ORDER, SECOND_PAYMENT, "ref_3", "not due", RefundId("ref_2"), eur(1_000))
    assert numbers(shop.when(extra, ISSUE)) == []
