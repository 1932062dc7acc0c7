"""Orders: a customer's own, to staff all of them, as they are now or were at any moment, and how they came to be so."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel, TypeAdapter

from api.audited import looked_at
from api.fields import OrderPath
from api.order_access import Asking, WhoAsks
from api.order_life import Difference, Step, differences, order_after, steps, version_at
from api.paging import Listed, Page
from api.problems import Problem, invalid
from api.queries import order_examples as examples
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import SignedIn
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

OrderStatus = Literal["PENDING", "PAID", "SHIPPED", "COMPLETED", "CANCELLED"]


class History(BaseModel):
    """Complete: an order's life is short."""

    order_id: str
    version: int
    data: list[Step]


class Diff(BaseModel):
    order_id: str
    from_version: int
    to_version: int
    data: list[Difference]


_JSON = TypeAdapter(Order)


@router.get("", responses=shown(page_of(examples.SUMMARY)))
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


@router.get("/{order_id}", response_model=Order, responses=shown(examples.ORDER))
async def get_order(
    order_id: OrderPath,
    read: Read,
    caller: WhoAsks,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="As it was after so many facts.")] = None,
    as_of: Annotated[
        AsOf,
        Query(description="As it was known at this time (by `recorded_at`), or at this position of the book."),
    ] = None,
) -> Response:
    """One order, as it is or, by `version` or `as_of`, as it was: folded anew from its facts."""
    if version is not None and as_of is not None:
        raise invalid("?as_of", "give either version or as_of")
    if version is None and as_of is None:
        await read.seen("order_summary")
        order = await order_summary.order_among_others(read.shop.orders, order_id)
    else:
        facts = await _facts(order_id, caller, read)
        order = order_after([fact for fact in facts if _known(fact, version, as_of)])
        if order is None or (version or 0) > len(facts):
            raise Problem(404, "not_found", f"There was no such version of order {order_id}.")
    if order is None or not caller.may_see(order.customer_id, order.cart_id):
        raise NotFound("order", order_id)
    if version is None and as_of is None:
        looked_at(read.request, caller.principal, [order.customer_id])
    read.tagged(order.version)
    return read.answer(_JSON.dump_json(order))


@router.get("/{order_id}/history", responses=shown(examples.HISTORY))
async def get_history(order_id: OrderPath, read: Read, caller: WhoAsks) -> History:
    """Every fact of an order's life, and what it changed: when, who, by which command, caused by what."""
    facts = await _facts(order_id, caller, read)
    return History(order_id=order_id, version=facts[-1].version, data=steps(facts))


@router.get("/{order_id}/diff", responses=shown(examples.DIFF))
async def get_diff(
    order_id: OrderPath,
    read: Read,
    caller: WhoAsks,
    since: Annotated[
        AsOf,
        Query(alias="from", description="A version (0: before there was an order), or a time (by `recorded_at`)."),
    ] = 0,
    until: Annotated[AsOf, Query(alias="to", description="The same; by default, now.")] = None,
) -> Diff:
    """What is not the same at two points of an order's life, field by field, and who changed it, when and why."""
    facts = await _facts(order_id, caller, read)
    first = version_at(facts, since or 0)
    last = len(facts) if until is None else version_at(facts, until)
    if max(first, last) > len(facts):
        raise Problem(404, "not_found", f"Order {order_id} has {len(facts)} versions.")
    if first > last:
        raise invalid("?from", "must not be behind `to`")
    return Diff(order_id=order_id, from_version=first, to_version=last, data=differences(facts, first, last))


async def _facts(order_id: OrderId, caller: Asking, read: Read) -> list[Recorded]:
    """All of the order's facts. Raises NotFound, also for an order of somebody else, or StreamArchived."""
    await read.seen(HEAD)
    try:
        facts = list(await read.shop.store.read([orders(order_id).stream]))
    except StreamArchived:
        known = await order_summary.order(read.shop.pool, order_id)
        if known is None or not caller.may_see(known.customer_id, known.cart_id):
            raise NotFound("order", order_id) from None
        raise
    order = order_after(facts)
    if order is None or not caller.may_see(order.customer_id, order.cart_id):
        raise NotFound("order", order_id)
    looked_at(read.request, caller.principal, [order.customer_id])
    return facts


def _known(fact: Recorded, version: int | None, as_of: int | datetime | None) -> bool:
    if version is not None:
        return fact.version <= version
    if isinstance(as_of, datetime):
        return fact.recorded_at <= as_of
    return as_of is None or fact.position <= as_of
