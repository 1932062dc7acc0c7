"""Invoices and credit notes: the papers that were issued, and the whole of one as it is put before a customer."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.order_summary import Address, Order
from queries.paper_taxes import Part, TaxSum, parts_of, shares, taxes
from queries.rows import Listing, Money, Rows

_COLUMNS = """number, kind, order_id, invoice, amount_minor, currency, reason, refund_id, seller::text, issued_at,
        handed_out_at"""

PAPERS_OF_ORDER = f"SELECT {_COLUMNS} FROM paper WHERE order_id = $1 ORDER BY issued_at, number"
PAPERS = Listing(
    _COLUMNS,
    "paper",
    {"issued_at": "timestamptz", "number": "text"},
    descending=True,
    filters={"year": "year = {}", "kind": "kind = {}"},
)


@dataclass(frozen=True, slots=True)
class Seller:
    name: str
    address: list[str]
    tax_id: str


@dataclass(frozen=True, slots=True)
class Paper:
    """`handed_out_at` is when the customer took the original; whatever is made of it since is a copy."""

    number: str
    kind: str
    order_id: str
    invoice: str | None
    total: Money
    reason: str
    refund_id: str
    seller: Seller
    issued_at: datetime
    handed_out_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaperLine:
    """`total` is as on the order: with tax contained, or without, as `prices_include_tax` says."""

    sku: str
    name: str
    quantity: int
    unit_price: Money
    discount: Money
    tax_ppm: int
    total: Money


@dataclass(frozen=True, slots=True)
class Document:
    """All that stands on a paper. `discount` is all that was taken off, from goods and from `shipping`.

    Of a credit note, `lines` are the goods that came back; `total` is what was given back, and `taxes` are in it."""

    number: str
    kind: str
    order_id: str
    invoice: str | None
    reason: str
    issued_at: datetime
    ordered_at: datetime
    handed_out_at: datetime | None
    seller: Seller
    buyer: Address | None
    lines: list[PaperLine]
    coupon: str | None
    discount: Money
    shipping_name: str | None
    shipping: Money
    prices_include_tax: bool
    taxes: list[TaxSum]
    tax: Money
    total: Money


async def papers_of(rows: Rows, order_id: str) -> list[Paper]:
    return [from_row(row) for row in await rows.fetch(PAPERS_OF_ORDER, order_id)]


def from_row(row: Any) -> Paper:
    number, kind, order_id, invoice, amount, currency, reason, refund_id, seller, issued_at, handed_out_at = row
    return Paper(
        number,
        kind,
        order_id,
        invoice,
        Money(amount, currency),
        reason,
        refund_id,
        Seller(**json.loads(seller)),
        issued_at,
        handed_out_at,
    )


def document(paper: Paper, order: Order) -> Document:
    """An order's first fact is all that is read here, and nothing changes that: so a paper is the same for ever."""
    whole = parts_of(order)
    if paper.kind == "invoice":
        return _document(paper, order, [_line(line) for line in order.lines], whole, has_shipping=True)
    lines, parts = _returned(paper, order)
    return _document(paper, order, lines, parts or shares(whole, paper.total), has_shipping=False)


def _document(
    paper: Paper, order: Order, lines: list[PaperLine], parts: Sequence[Part], *, has_shipping: bool
) -> Document:
    nothing = Money(0, order.total.currency)
    sums = taxes(parts, order.total.currency)
    return Document(
        number=paper.number,
        kind=paper.kind,
        order_id=paper.order_id,
        invoice=paper.invoice,
        reason=paper.reason,
        issued_at=paper.issued_at,
        ordered_at=order.placed_at,
        handed_out_at=paper.handed_out_at,
        seller=paper.seller,
        buyer=order.bill_to or order.ship_to,
        lines=lines,
        coupon=order.coupon if has_shipping else None,
        discount=order.discount if has_shipping else nothing,
        shipping_name=order.shipping.name if order.shipping and has_shipping else None,
        shipping=order.shipping.price if order.shipping and has_shipping else nothing,
        prices_include_tax=order.prices_include_tax or not has_shipping,
        taxes=sums,
        tax=Money(sum(each.tax.amount for each in sums), order.total.currency),
        total=paper.total,
    )


def _line(line: Any) -> PaperLine:
    price = line.unit_price
    return PaperLine(line.sku, line.name, line.quantity, price, line.discount, line.tax_ppm, line.total)


def _returned(paper: Paper, order: Order) -> tuple[list[PaperLine], list[Part]]:
    """Of a refund for goods that came back, and that covers just what they were worth: these goods."""
    back = next((each for each in order.returns if each.return_id == paper.refund_id), None)
    if back is None or sum(line.worth.amount for line in back.lines) != paper.total.amount:
        return [], []
    known = {line.sku: line for line in order.lines}
    of_sku = _by_sku(order)
    lines, parts = [], []
    for each in back.lines:
        sold, whole = known[each.sku], of_sku[each.sku]
        parts.append(whole.share(each.worth.amount))
        nothing = Money(0, each.worth.currency)
        lines.append(PaperLine(each.sku, sold.name, each.quantity, sold.unit_price, nothing, sold.tax_ppm, each.worth))
    return lines, parts


def _by_sku(order: Order) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for line, part in zip(order.lines, parts_of(order), strict=False):  # behind the lines comes the shipping
        before = found.get(line.sku, Part(part.tax_ppm, 0, 0))
        found[line.sku] = Part(part.tax_ppm, before.gross + part.gross, before.tax + part.tax)
    return found


def of_kind(papers: Iterable[Paper], kind: str) -> list[Paper]:
    return [paper for paper in papers if paper.kind == kind]
