"""Issuing invoices and credit notes, and handing each out once as the original."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from commands.decider import Fold, Read
from commands.order import Order, Status, placed
from events import Event
from events.order import OrderCredited, OrderInvoiced
from events.paper import (
    CreditNoteEvent,
    CreditNoteIssued,
    InvoiceEvent,
    InvoiceIssued,
    PaperEvent,
    PaperHandedOut,
    Seller,
)
from events.values import OrderId


@dataclass(frozen=True, slots=True)
class IssuePapers:
    """What the order's money asks for by now: an invoice once it is paid, a credit note for each refund.

    Comes in one transaction with what the gateway said, so there is no payment without its paper. `at` is business
    time and decides the year, in UTC. Sales that come in as history have papers elsewhere, and are not asked about."""

    order_id: OrderId
    at: datetime
    seller: Seller


@dataclass(frozen=True, slots=True)
class HandOut:
    """The customer takes the original of a paper."""

    number: str


PaperCommand = IssuePapers | HandOut


@dataclass(frozen=True, slots=True)
class Series:
    """The papers of one kind and year. The next number is one more, and nobody else can have it: the append of a
    decision that rests on an older state is refused."""

    issued: int = 0

    def number(self, kind: str, year: str, further: int = 1) -> str:
        return f"{kind}-{year}-{self.issued + further:06}"


@dataclass(frozen=True, slots=True)
class Paper:
    handed_out: bool = False


def issued(series: Series, event: InvoiceEvent | CreditNoteEvent) -> Series:
    return Series(series.issued + 1)


def evolve(paper: Paper, event: PaperEvent) -> Paper:
    return Paper(handed_out=True)


invoices = Fold("invoice", Series(), issued)
credit_notes = Fold("creditnote", Series(), issued)
papers = Fold("paper", Paper(), evolve)


def decide(command: PaperCommand, read: Read) -> Sequence[Event]:
    match command:
        case IssuePapers():
            return list(_due(command, placed(command.order_id, read), read))
        case HandOut(number):
            return [] if read(papers(number)).handed_out else [PaperHandedOut(number)]
        case _:
            assert_never(command)


def _due(command: IssuePapers, order: Order, read: Read) -> Iterator[Event]:
    order_id, at, seller = command.order_id, command.at, command.seller
    year, invoice = str(at.astimezone(UTC).year), order.invoice
    if order.status is Status.PAID and not invoice:
        invoice = read(invoices(year)).number("INV", year)
        yield OrderInvoiced(order_id, invoice)
        yield InvoiceIssued(year, invoice, order_id, order.total, at, seller)
    if not invoice or not order.uncredited:  # what was never charged for is not credited either
        return
    series = read(credit_notes(year))
    for n, refund in enumerate(order.uncredited, 1):
        number = series.number("CN", year, n)
        yield OrderCredited(order_id, number, refund.amount)
        yield CreditNoteIssued(
            year, number, order_id, invoice, refund.amount, refund.reason, refund.refund_id, at, seller
        )
