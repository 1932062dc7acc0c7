"""The papers that go with an order's money: invoices and credit notes, each kind numbered without a gap in its year."""

from dataclasses import dataclass
from datetime import datetime

from events.values import Money, OrderId


@dataclass(frozen=True, slots=True)
class Seller:
    """In whose name a paper is issued."""

    name: str
    address: tuple[str, ...] = ()
    tax_id: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceIssued:
    """The stream of a year is its sequence. What was sold, to whom and for how much stands in the order's first fact,
    which nothing changes any more; what is not there, and could be another the next day, is frozen here."""

    year: str
    number: str
    order_id: OrderId
    total: Money
    issued_at: datetime
    seller: Seller


@dataclass(frozen=True, slots=True)
class CreditNoteIssued:
    """Money of an `invoice` was given back."""

    year: str
    number: str
    order_id: OrderId
    invoice: str
    amount: Money
    reason: str
    refund_id: str
    issued_at: datetime
    seller: Seller


@dataclass(frozen=True, slots=True)
class PaperHandedOut:
    """The original of a paper went to its customer. Whatever is made of it from now on is a copy."""

    number: str


InvoiceEvent = InvoiceIssued
CreditNoteEvent = CreditNoteIssued
PaperEvent = PaperHandedOut
