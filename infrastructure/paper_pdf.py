"""Invoices and credit notes as PDF, set by Typst from the template beside this file. Archival: PDF/A-2b."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib.resources import files
from typing import Any

from events import values
from queries.paper import Document, PaperLine
from queries.rows import Money

MAX_AT_ONCE = 2
"""Setting a page takes some ten milliseconds of a core."""

_TITLES = {"invoice": "Invoice", "credit_note": "Credit note"}


class Press:
    """Sets papers beside the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="press")

    async def __call__(self, document: Document, *, is_copy: bool) -> bytes:
        """The pages of a paper, as PDF. A copy says so on every page."""
        page = json.dumps(_page(document, is_copy=is_copy))
        return await asyncio.get_running_loop().run_in_executor(self._threads, _set, page)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _set(paper: str) -> bytes:
    import typst  # a large library, which only those who print papers need

    template, inputs = files(__package__).joinpath("paper.typ").read_bytes(), {"paper": paper}
    try:
        return bytes(typst.compile(template, sys_inputs=inputs, pdf_standards="a-2b"))
    except typst.TypstError:  # the archival form has no room for characters that no font on this machine knows
        return bytes(typst.compile(template, sys_inputs=inputs))


def _page(document: Document, *, is_copy: bool) -> dict[str, Any]:
    """What the template shows, as people write it."""
    issued_at, is_invoice = document.issued_at, document.kind == "invoice"
    return {
        "title": _TITLES[document.kind],
        "number": document.number,
        "date": {"year": issued_at.year, "month": issued_at.month, "day": issued_at.day},
        "copy": is_copy,
        "reason": "" if is_invoice else f"For invoice {document.invoice}: {document.reason}",
        "seller": {
            "name": document.seller.name,
            "address": document.seller.address,
            "tax_id": document.seller.tax_id,
        },
        "buyer": list(_buyer(document)),
        "facts": [
            ["Number", document.number],
            ["Date", _day(issued_at)],
            *([] if is_invoice else [["Invoice", document.invoice]]),
            ["Order", document.order_id],
            ["Ordered", _day(document.ordered_at)],
        ],
        # What goes back is what was paid, with tax and less discounts: not a multiple of any unit price.
        "priced": is_invoice,
        "taxed": bool(document.tax.amount),
        "lines": [_line(line) for line in document.lines],
        "sums": list(_sums(document)),
        "total_name": "Total" if is_invoice else "Given back",
        "total": money(document.total),
        "taxes": [
            [_percent(each.tax_ppm), money(each.net), money(each.tax), money(each.gross)] for each in document.taxes
        ],
        "notes": ["Paid in full. Thank you."] if is_invoice else [],
    }


def _buyer(document: Document) -> Iterator[str]:
    if buyer := document.buyer:
        yield from filter(None, (buyer.name, buyer.line1, buyer.line2))
        yield f"{buyer.postal_code} {buyer.city}"
        yield buyer.country


def _line(line: PaperLine) -> dict[str, str]:
    discount = f" · discount {money(line.discount)}" if line.discount.amount else ""
    return {
        "name": line.name,
        "note": f"{line.sku}{discount}",
        "quantity": f"{line.quantity:,}",
        "unit_price": money(line.unit_price),
        "tax_rate": _percent(line.tax_ppm),
        "total": money(line.total),
    }


def _sums(document: Document) -> Iterator[list[str]]:
    """From the goods to the total."""
    if document.kind == "invoice" and (document.discount.amount or document.shipping_name):
        goods = sum(line.total.amount + line.discount.amount for line in document.lines)
        yield ["Goods", money(Money(goods, document.total.currency))]
    if document.discount.amount:
        taken_off = Money(-document.discount.amount, document.total.currency)
        yield [f"Discount {document.coupon or ''}".strip(), money(taken_off)]
    if document.shipping_name:
        yield [f"Shipping: {document.shipping_name}", money(document.shipping)]
    if document.tax.amount:
        yield ["Tax included" if document.prices_include_tax else "Tax", money(document.tax)]


def money(amount: Money) -> str:
    """In major units ("1,999.00 EUR")."""
    return str(values.Money(amount.amount, amount.currency)).replace("-", "\N{MINUS SIGN}")


def _percent(ppm: int) -> str:
    return f"{ppm / 10_000:g} %"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
