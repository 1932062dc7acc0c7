"""Invoices and credit notes: as JSON, and as PDF for people."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response
from pydantic import BaseModel

from api.audited import looked_at
from api.fields import OrderPath
from api.media import JSON, PDF, chosen
from api.order_access import Asking, WhoAsks
from api.paging import Listed, Page
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import Staff
from commands.paper import HandOut
from commands.rejections import NotFound
from events.store import Metadata
from events.values import OrderId
from queries import order_summary, paper
from queries.order_summary import Order
from queries.paper import PAPERS, Document, Paper, document, of_kind

router = query_router("/v1/orders", "invoices")
listed = query_router("/v1/invoices", "invoices")

NUMBER = r"^(INV|CN)-[0-9]{4}-[0-9]{6,12}$"

_SELLER = {"name": "A Daybook shop", "address": ["Street 1", "10115 Berlin"], "tax_id": "DE123456789"}
_PAPER = {
    "number": "INV-2026-000042",
    "kind": "invoice",
    "order_id": "ord_01h455vb4pex5vsknk084sn02q",
    "invoice": None,
    "total": {"amount": 4288, "currency": "EUR"},
    "reason": "",
    "refund_id": "",
    "seller": _SELLER,
    "issued_at": "2026-05-01T12:01:00Z",
    "handed_out_at": None,
}
_NOTE = {**_PAPER, "number": "CN-2026-000007", "kind": "credit_note", "invoice": "INV-2026-000042", "reason": "broken"}
_DOCUMENT = {
    **{name: value for name, value in _PAPER.items() if name != "refund_id"},
    "ordered_at": "2026-05-01T12:00:00Z",
    "buyer": {
        "name": "Ada Lovelace",
        "line1": "Street 7",
        "line2": "",
        "city": "Hamburg",
        "postal_code": "20457",
        "country": "DE",
    },
    "lines": [
        {
            "sku": "MUG-S",
            "name": "Mug",
            "quantity": 2,
            "unit_price": {"amount": 1999, "currency": "EUR"},
            "discount": {"amount": 200, "currency": "EUR"},
            "tax_ppm": 190000,
            "total": {"amount": 3798, "currency": "EUR"},
        }
    ],
    "coupon": "WELCOME",
    "discount": {"amount": 200, "currency": "EUR"},
    "shipping_name": "Standard",
    "shipping": {"amount": 490, "currency": "EUR"},
    "prices_include_tax": True,
    "taxes": [
        {
            "tax_ppm": 190000,
            "net": {"amount": 3603, "currency": "EUR"},
            "tax": {"amount": 685, "currency": "EUR"},
            "gross": {"amount": 4288, "currency": "EUR"},
        }
    ],
    "tax": {"amount": 685, "currency": "EUR"},
}


def _printable(example: Any) -> dict[int | str, dict[str, Any]]:
    responses = shown(example)
    responses[200]["content"][PDF] = {"schema": {"type": "string", "format": "binary"}}
    return {**responses, 406: {"description": "Neither JSON nor PDF is wanted."}}


class CreditNotes(BaseModel):
    data: list[Paper]


@router.get("/{order_id}/invoice", response_model=Document, responses=_printable(_DOCUMENT))
async def get_invoice(order_id: OrderPath, read: Read, caller: WhoAsks) -> Response | Document:
    """What was paid for, as JSON or, by `Accept: application/pdf`, as a page.

    The first PDF that the customer takes is the original, and that is written down; all others are marked COPY."""
    order, papers = await _papers(order_id, read, caller)
    found = of_kind(papers, "invoice")
    if not found:
        raise NotFound("invoice of order", order_id)
    return await _answered(found[0], order, read, caller)


@router.get("/{order_id}/credit-notes", responses=shown({"data": [_NOTE]}))
async def list_credit_notes(order_id: OrderPath, read: Read, caller: WhoAsks) -> CreditNotes:
    """One for each refund, oldest first."""
    _, papers = await _papers(order_id, read, caller)
    return CreditNotes(data=of_kind(papers, "credit_note"))


@router.get("/{order_id}/credit-notes/{number}", response_model=Document, responses=_printable({**_DOCUMENT, **_NOTE}))
async def get_credit_note(
    order_id: OrderPath,
    number: Annotated[str, Path(pattern=NUMBER, examples=["CN-2026-000007"])],
    read: Read,
    caller: WhoAsks,
) -> Response | Document:
    """What was given back, and for what. Originals and copies as with invoices."""
    order, papers = await _papers(order_id, read, caller)
    for each in of_kind(papers, "credit_note"):
        if each.number == number:
            return await _answered(each, order, read, caller)
    raise NotFound("credit note", number)


@listed.get("", responses=shown(page_of(_PAPER, _NOTE)))
async def list_papers(
    read: Read,
    page: Listed,
    staff: Staff,
    year: Annotated[str | None, Query(alias="filter[year]", pattern=r"^[0-9]{4}$", examples=["2026"])] = None,
    kind: Annotated[Literal["invoice", "credit_note"] | None, Query(alias="filter[kind]")] = None,
) -> Page[Paper]:
    """All invoices and credit notes, newest first."""
    await read.seen("paper")
    return await page(PAPERS, {"year": year, "kind": kind}, paper.from_row)


async def _papers(order_id: OrderId, read: Read, caller: Asking) -> tuple[Order, list[Paper]]:
    """Raises NotFound, also for an order of somebody else."""
    await read.seen("order_summary", "paper")
    order = await order_summary.order(read.shop.pool, order_id)
    if order is None or not caller.may_see(order.customer_id, order.cart_id):
        raise NotFound("order", order_id)
    return order, await paper.papers_of(read.shop.pool, order_id)


async def _answered(found: Paper, order: Order, read: Read, caller: Asking) -> Response | Document:
    looked_at(read.request, caller.principal, [order.customer_id])
    shown_paper = document(found, order)
    if chosen(read.request, (JSON, PDF)) == JSON:
        return shown_paper
    takes_it = _is_customer(order, caller) and "only_head" not in read.request.scope
    is_copy = not (takes_it and await _handed_out(found.number, read, caller))
    name = f"{found.number}{'-copy' if is_copy else ''}.pdf"
    return read.answer(
        await read.shop.press(shown_paper, is_copy=is_copy),
        PDF,
        headers={"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"},
    )


async def _handed_out(number: str, read: Read, caller: Asking) -> bool:
    """Whether this was the moment in which the original left the house. Of several at once, it is for one."""
    actor = caller.principal.user_id if caller.principal else "guest"
    request_id = read.request.scope["request_id"]
    metadata = Metadata(actor=actor, command="HandOut", correlation_id=request_id, request_id=request_id)
    return bool((await read.shop.handler(HandOut(number), metadata=metadata)).events)


def _is_customer(order: Order, caller: Asking) -> bool:
    """And not staff, who look at a paper without taking it away from anybody."""
    return caller.principal is None or caller.principal.user_id == order.customer_id
