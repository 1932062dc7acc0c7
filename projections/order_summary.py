"""An order as its customer and the staff see it. The same fold tells how it looked at any earlier version."""

from datetime import datetime
from typing import Any, NamedTuple, assert_never, get_args

from events.order import (
    OrderCancelled,
    OrderCompleted,
    OrderEvent,
    OrderLapsed,
    OrderPaid,
    OrderPlaced,
    OrderShipped,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentRequested,
)
from events.store import Fact
from events.values import Address, Line
from projections.projection import Key, Projection

LAPSE_REASON = "not paid in time"


class OrderSummaryRow(NamedTuple):
    order_id: str
    customer_id: str
    status: str
    payment: str
    total_minor: int
    currency: str
    lines: tuple[Line, ...]
    ship_to: Address | None
    carrier: str
    tracking: str
    cancel_reason: str
    placed_at: datetime
    lapses_at: datetime | None
    updated_at: datetime
    version: int


def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
    event = fact.event
    if isinstance(event, OrderPlaced):
        return _placed(event, fact)
    if row is None:
        return None
    return row._replace(**_changes(event), updated_at=fact.occurred_at, version=fact.version)


def _changes(event: OrderEvent) -> dict[str, Any]:
    """What a fact after the first says of the order."""
    match event:
        case OrderPlaced():
            return {}
        case PaymentRequested():
            return {"payment": "REQUESTED"}
        case PaymentCaptured():
            return {"payment": "CAPTURED"}
        case PaymentDeclined():
            return {"payment": "DECLINED"}
        case PaymentRefunded():
            return {"payment": "REFUNDED"}
        case OrderPaid():
            return {"status": "PAID", "lapses_at": None}
        case OrderShipped(_, carrier, tracking):
            return {"status": "SHIPPED", "carrier": carrier, "tracking": tracking}
        case OrderCompleted():
            return {"status": "COMPLETED"}
        case OrderCancelled(_, reason):
            return {"status": "CANCELLED", "cancel_reason": reason, "lapses_at": None}
        case OrderLapsed():
            return {"status": "CANCELLED", "cancel_reason": LAPSE_REASON, "lapses_at": None}
        case _:
            assert_never(event)


def _placed(event: OrderPlaced, fact: Fact[OrderEvent]) -> OrderSummaryRow:
    return OrderSummaryRow(
        event.order_id,
        event.customer_id,
        status="PENDING",
        payment="NONE",
        total_minor=event.total.amount,
        currency=event.total.currency,
        lines=event.lines,
        ship_to=event.ship_to,
        carrier="",
        tracking="",
        cancel_reason="",
        placed_at=fact.occurred_at,
        lapses_at=event.lapses_at,
        updated_at=fact.occurred_at,
        version=fact.version,
    )


order_summary = Projection(
    "order_summary",
    OrderSummaryRow,
    ("order_id",),
    get_args(OrderEvent),
    lambda event: [(event.order_id,)],
    evolve,
)
