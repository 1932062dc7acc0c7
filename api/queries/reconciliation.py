"""The report that must be empty: whether money, orders and goods agree."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from api.problems import Problem
from api.queries.routing import query_router, shown
from api.reading import Read
from api.reconciliation import Finding, findings
from api.security import Staff
from commands.gateway import GatewayUnavailable

router = query_router("/v1/reports", "reports")

MAX_DAYS = 366
_FINDING = asdict(Finding("refund_not_arrived", 0, 1999, "USD", "ord_01h455vb4pex5vsknk084sn02q", "pay_1"))


class Reconciliation(BaseModel):
    """`gateway` is whether there was one to compare with."""

    since: datetime
    gateway: bool
    data: list[Finding]


@router.get("/reconciliation", responses=shown({"since": "2026-05-01T12:00:00Z", "gateway": True, "data": [_FINDING]}))
async def reconciliation(
    read: Read,
    staff: Staff,
    days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="Orders placed and money moved in so many days.")] = 7,
    grace_s: Annotated[
        int, Query(ge=0, le=86_400, description="What moved within so many seconds may still be under way.")
    ] = 60,
) -> Reconciliation:
    """What was charged without an order, ordered without stock, captured or refunded in part where it should be whole,
    or is told otherwise by the gateway. Empty when all is well."""
    await read.seen("order_summary", "stock_level")
    since = datetime.now(UTC) - timedelta(days=days)
    try:
        found = await findings(read.shop, since, timedelta(seconds=grace_s))
    except GatewayUnavailable as error:
        raise Problem(
            503, "unavailable", f"The gateway does not answer: {error}", headers={"Retry-After": "5"}
        ) from None
    return Reconciliation(since=since, gateway=read.shop.gateway is not None, data=found)
