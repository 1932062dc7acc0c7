"""Invoices and credit notes, as they were issued and handed out."""

from datetime import datetime
from typing import NamedTuple, assert_never

from events.paper import CreditNoteIssued, InvoiceIssued, PaperHandedOut, Seller
from events.store import Fact
from events.values import Money
from projections.projection import Key, Projection


class PaperRow(NamedTuple):
    number: str
    kind: str
    year: str
    order_id: str
    invoice: str | None
    """Of a credit note: what it takes back from."""
    amount_minor: int
    currency: str
    reason: str
    refund_id: str
    seller: Seller
    issued_at: datetime
    handed_out_at: datetime | None


def evolve(
    row: PaperRow | None, fact: Fact[InvoiceIssued | CreditNoteIssued | PaperHandedOut], key: Key
) -> PaperRow | None:
    event = fact.event
    match event:
        case InvoiceIssued():
            return _issued("invoice", event, event.total)
        case CreditNoteIssued(invoice=invoice, reason=reason, refund_id=refund_id):
            note = _issued("credit_note", event, event.amount)
            return note._replace(invoice=invoice, reason=reason, refund_id=refund_id)
        case PaperHandedOut():
            return row and row._replace(handed_out_at=fact.occurred_at)
        case _:
            assert_never(event)


def _issued(kind: str, event: InvoiceIssued | CreditNoteIssued, total: Money) -> PaperRow:
    return PaperRow(
        number=event.number,
        kind=kind,
        year=event.year,
        order_id=event.order_id,
        invoice=None,
        amount_minor=total.amount,
        currency=total.currency,
        reason="",
        refund_id="",
        seller=event.seller,
        issued_at=event.issued_at,
        handed_out_at=None,
    )


paper = Projection(
    "paper",
    PaperRow,
    ("number",),
    (InvoiceIssued, CreditNoteIssued, PaperHandedOut),
    lambda event: [(event.number,)],
    evolve,
)
