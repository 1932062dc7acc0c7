"""Orders: a customer's own, to staff all of them, as they are now or were at any moment, and how they came to be so."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

from api.fields import OrderPath
from api.order_life import Step, order_after, steps
from api.paging import Listed, Page
from api.problems import Problem, invalid
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import Principal, SignedIn
from api.times import AsOf
from commands.order import orders
from commands.rejections import NotFound
from events.store import Recorded, StreamArchived
from events.values import OrderId
from infrastructure.event_store import MAX_VERSION
from infrastructure.positions import HEAD
from queries import order_summary
from queries.order_summary import ORDERS, Order, OrderSummary

router = query_router("/v1/orders", "orders")

_SUMMARY = {
    "order_id": "ord_01h455vb4pex5vsknk084sn02q",
    "customer_id": "usr_01h455vb4pex5vsknk084sn02q",
    "status": "PENDING",
    "payment": "NONE",
    "total": {"amount": 3998, "currency": "USD"},
    "lines": 1,
    "placed_at": "2026-05-01T12:00:00Z",
    "updated_at": "2026-05-01T12:00:00Z",
    "version": 1,
}
_LINE = {
    "sku": "MUG-S",
    "product_id": "prd_01h455vb4pex5vsknk084sn02q",
    "name": "Mug",
    "category_id": "cat_01h455vb4pex5vsknk084sn02q",
    "quantity": 2,
    "unit_price": {"amount": 1999, "currency": "USD"},
    "total": {"amount": 3998, "currency": "USD"},
}
_ORDER = {
    **_SUMMARY,
    "lines": [_LINE],
    "ship_to": None,
    "carrier": "",
    "tracking": "",
    "cancel_reason": "",
    "lapses_at": "2026-05-01T12:15:00Z",
}
_STEP = {
    "version": 3,
    "type": "OrderPaid",
    "changes": [{"field": "status", "before": "PENDING", "after": "PAID"}],
    "occurred_at": "2026-05-01T12:01:00Z",
    "recorded_at": "2026-05-01T12:01:00Z",
    "actor": "system:fulfilment",
    "command": "RecordCapture",
    "request_id": "req_01h455vb4pex5vsknk084sn02q",
    "correlation_id": "req_01h455vb4pex5vsknk084sn02q",
    "causation_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "position": 1042,
}

OrderStatus = Literal["PENDING", "PAID", "SHIPPED", "COMPLETED", "CANCELLED"]


class History(BaseModel):
    """Complete: an order's life is short."""

    order_id: str
    version: int
    data: list[Step]


@router.get("", responses=shown(page_of(_SUMMARY)))
async def list_orders(
    read: Read,
    page: Listed,
    caller: SignedIn,
    status: Annotated[OrderStatus | None, Query(alias="filter[status]")] = None,
) -> Page[OrderSummary]:
    """Your own orders, newest first; to staff, everybody's."""
    await read.seen("order_summary")
    filters = {"customer_id": None if caller.is_staff else caller.user_id, "status": status}
    return await page(ORDERS, filters, order_summary.summary_from_row, caller=caller.user_id)


@router.get("/{order_id}", responses=shown(_ORDER))
async def get_order(
    order_id: OrderPath,
    read: Read,
    caller: SignedIn,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="As it was after so many facts.")] = None,
    as_of: Annotated[
        AsOf,
        Query(description="As it was known at this time (by `recorded_at`), or at this position of the book."),
    ] = None,
) -> Order:
    """One order, as it is or, by `version` or `as_of`, as it was: folded anew from its facts."""
    if version is not None and as_of is not None:
        raise invalid("?as_of", "give either version or as_of")
    if version is None and as_of is None:
        await read.seen("order_summary")
        order = await order_summary.order(read.shop.pool, order_id)
    else:
        facts = await _facts(order_id, caller, read)
        order = order_after([fact for fact in facts if _known(fact, version, as_of)])
        if order is None or (version or 0) > len(facts):
            raise Problem(404, "not_found", f"There was no such version of order {order_id}.")
    if order is None or not _may_see(caller, order.customer_id):
        raise NotFound("order", order_id)
    read.tagged(order.version)
    return order


@router.get("/{order_id}/history", responses=shown({"order_id": _ORDER["order_id"], "version": 3, "data": [_STEP]}))
async def get_history(order_id: OrderPath, read: Read, caller: SignedIn) -> History:
    """Every fact of an order's life, and what it changed: when, who, by which command, caused by what."""
    facts = await _facts(order_id, caller, read)
    return History(order_id=order_id, version=facts[-1].version, data=steps(facts))


async def _facts(order_id: OrderId, caller: Principal, read: Read) -> list[Recorded]:
    """All of the order's facts. Raises NotFound, also for an order of somebody else, or StreamArchived."""
    await read.seen(HEAD)
    try:
        facts = list(await read.shop.store.read([orders(order_id).stream]))
    except StreamArchived:
        known = await order_summary.order(read.shop.pool, order_id)
        if known is None or not _may_see(caller, known.customer_id):
            raise NotFound("order", order_id) from None
        raise
    order = order_after(facts)
    if order is None or not _may_see(caller, order.customer_id):
        raise NotFound("order", order_id)
    return facts


def _may_see(caller: Principal, customer_id: str) -> bool:
    return caller.is_staff or caller.user_id == customer_id


def _known(fact: Recorded, version: int | None, as_of: int | datetime | None) -> bool:
    if version is not None:
        return fact.version <= version
    return (fact.recorded_at if isinstance(as_of, datetime) else fact.position) <= as_of  # type: ignore[operator]
