"""An order as its customer and the staff see it. The same fold tells how it looked at any earlier version."""

from datetime import datetime
from typing import Any, NamedTuple, get_args

from events.order import (
    OrderCancelled,
    OrderCompleted,
    OrderCredited,
    OrderEvent,
    OrderInvoiced,
    OrderLapsed,
    OrderPaid,
    OrderPartlyShipped,
    OrderPlaced,
    OrderReturned,
    OrderShipped,
    Shipping,
)
from events.payment import PaymentAuthorized, PaymentEvent, PaymentVoided
from events.store import Fact
from events.values import Address, Line
from projections import payments
from projections.order_parcels import Parcel, ReturnedParcel, parcel, returned_parcel
from projections.payments import Payments
from projections.projection import Key, Projection, changed

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
    captured_minor: int = 0
    refunded_minor: int = 0
    payments: Payments = ()
    cart_id: str | None = None
    shipping: Shipping | None = None
    coupon: str | None = None
    discount_minor: int = 0
    tax_minor: int = 0
    prices_include_tax: bool = False
    bill_to: Address | None = None
    email: str | None = None
    shipments: tuple[Parcel, ...] = ()
    returns: tuple[ReturnedParcel, ...] = ()
    invoice: str | None = None
    credit_notes: tuple[str, ...] = ()


def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
    event = fact.event
    if isinstance(event, OrderPlaced):
        return _placed(event, fact)
    if row is None:
        return None
    changes = _changes(row, event, fact.occurred_at)
    return changed(row, {**changes, "updated_at": fact.occurred_at, "version": fact.version})


def _changes(row: OrderSummaryRow, event: OrderEvent, at: datetime) -> dict[str, Any]:
    """What a fact after the first says of the order."""
    match event:
        case OrderPlaced():
            return {}
        case OrderPaid():
            return {"status": "PAID", "lapses_at": None}
        case OrderInvoiced(_, number):
            return {"invoice": number}
        case OrderCredited(_, number):
            return {"credit_notes": (*row.credit_notes, number)}
        case OrderPartlyShipped(carrier=carrier, tracking=tracking):
            return {"carrier": carrier, "tracking": tracking, "shipments": (*row.shipments, parcel(event, at))}
        case OrderShipped(_, carrier, tracking):
            sent = (*row.shipments, parcel(event, at))
            return {"status": "SHIPPED", "carrier": carrier, "tracking": tracking, "shipments": sent}
        case OrderReturned():
            return {"returns": (*row.returns, returned_parcel(event, at))}
        case OrderCompleted():
            return {"status": "COMPLETED"}
        case OrderCancelled(_, reason):
            return {"status": "CANCELLED", "cancel_reason": reason, "lapses_at": None}
        case OrderLapsed():
            return {"status": "CANCELLED", "cancel_reason": LAPSE_REASON, "lapses_at": None}
        case _:
            return _money(row, event, at)


def _money(row: OrderSummaryRow, event: PaymentEvent, at: datetime) -> dict[str, Any]:
    """Money that is set aside keeps the goods for as long as it is."""
    paid = payments.evolve(row.payments, event)
    state, captured, refunded = payments.told(row.total_minor, paid)
    changes = {"payments": paid, "payment": state, "captured_minor": captured, "refunded_minor": refunded}
    match event:
        case PaymentAuthorized(expires_at=expires_at) if row.lapses_at is not None:
            return {**changes, "lapses_at": expires_at}
        case PaymentVoided() if row.lapses_at is not None:
            return {**changes, "lapses_at": min(row.lapses_at, at)}
    return changes


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
        cart_id=event.cart_id,
        shipping=event.shipping,
        coupon=event.coupon,
        discount_minor=event.discount,
        tax_minor=event.tax,
        prices_include_tax=event.prices_include_tax,
        bill_to=event.bill_to,
        email=event.email,
    )


order_summary = Projection(
    "order_summary",
    OrderSummaryRow,
    ("order_id",),
    get_args(OrderEvent),
    lambda event: [(event.order_id,)],
    evolve,
    stream="order",
    personal={"ship_to": None, "bill_to": None, "email": None},
)
