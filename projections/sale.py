"""What was sold: an entry per order, counted when it is paid, and given back when it is refunded."""

from datetime import datetime
from typing import NamedTuple

from events.order import OrderPaid, OrderPlaced, PaymentRefunded
from events.store import Fact
from projections.projection import Key, Projection


class SaleRow(NamedTuple):
    order_id: str
    customer_id: str
    units: int
    total_minor: int
    currency: str
    placed_at: datetime
    placed_position: int
    paid_at: datetime | None = None
    paid_position: int | None = None
    refunded_minor: int = 0
    refunded_at: datetime | None = None
    refunded_position: int | None = None


def evolve(row: SaleRow | None, fact: Fact[OrderPlaced | OrderPaid | PaymentRefunded], key: Key) -> SaleRow | None:
    match fact.event:
        case OrderPlaced(order_id, customer_id, lines, total):
            units = sum(line.quantity for line in lines)
            return SaleRow(order_id, customer_id, units, total.amount, total.currency, fact.occurred_at, fact.position)
        case OrderPaid() if row is not None:
            return row._replace(paid_at=fact.occurred_at, paid_position=fact.position)
        case PaymentRefunded(amount=amount) if row is not None:
            return row._replace(
                refunded_minor=amount.amount, refunded_at=fact.occurred_at, refunded_position=fact.position
            )
    return row


sale = Projection(
    "sale",
    SaleRow,
    ("order_id",),
    (OrderPlaced, OrderPaid, PaymentRefunded),
    lambda event: [(event.order_id,)],
    evolve,
)
