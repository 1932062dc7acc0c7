"""What was sold: an entry per order, which tells when it was placed, paid and shipped, and when that became known."""

from datetime import datetime
from typing import NamedTuple

from events.order import OrderPaid, OrderPlaced, OrderShipped, Shipping
from events.store import Fact
from events.values import Line
from projections.projection import Key, Projection


class SaleRow(NamedTuple):
    order_id: str
    customer_id: str
    cart_id: str | None
    units: int
    total_minor: int
    shipping_minor: int
    """What the sending costs of that, with its tax."""
    currency: str
    placed_at: datetime
    placed_position: int
    payment_id: str | None = None
    """The payment that paid it: money that came by another one is no part of the sale."""
    paid_at: datetime | None = None
    paid_position: int | None = None
    shipped_at: datetime | None = None
    shipped_position: int | None = None


def sold_for(part: Line | Shipping, order: OrderPlaced) -> int:
    """With its tax, wherever that is: so much the customer pays for it, in minor units."""
    return part.total.amount + (0 if order.prices_include_tax else part.tax)


def evolve(row: SaleRow | None, fact: Fact[OrderPlaced | OrderPaid | OrderShipped], key: Key) -> SaleRow | None:
    event = fact.event
    if isinstance(event, OrderPlaced):
        return SaleRow(
            event.order_id,
            event.customer_id,
            event.cart_id,
            units=sum(line.quantity for line in event.lines),
            total_minor=event.total.amount,
            shipping_minor=sold_for(event.shipping, event) if event.shipping else 0,
            currency=event.total.currency,
            placed_at=fact.occurred_at,
            placed_position=fact.position,
        )
    if row is None:
        return None
    if isinstance(event, OrderPaid):
        return row._replace(payment_id=event.payment_id, paid_at=fact.occurred_at, paid_position=fact.position)
    return row._replace(shipped_at=fact.occurred_at, shipped_position=fact.position)


sale = Projection(
    "sale",
    SaleRow,
    ("order_id",),
    (OrderPlaced, OrderPaid, OrderShipped),
    lambda event: [(event.order_id,)],
    evolve,
)
