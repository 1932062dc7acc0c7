"""What can happen to an order and to the money for it."""

from dataclasses import dataclass
from datetime import datetime

from events.values import Address, CartId, Line, Money, OrderId, PaymentId, Sku, UserId, personal


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units of an order that are reserved at one location."""

    sku: Sku
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """`reservations` say where the units are reserved, unless all of them are at the default location."""

    order_id: OrderId
    customer_id: UserId
    lines: tuple[Line, ...]
    total: Money
    cart_id: CartId | None = None
    lapses_at: datetime | None = None
    ship_to: Address | None = personal(default=None)
    reservations: tuple[Reservation, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentRequested:
    """The shopper asked to pay; the gateway is yet to be asked. `method` is the gateway's token for the means."""

    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    method: str


@dataclass(frozen=True, slots=True)
class PaymentCaptured:
    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    gateway_reference: str


@dataclass(frozen=True, slots=True)
class PaymentDeclined:
    order_id: OrderId
    payment_id: PaymentId
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    gateway_reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderPaid:
    order_id: OrderId
    payment_id: PaymentId
    amount: Money


@dataclass(frozen=True, slots=True)
class OrderShipped:
    order_id: OrderId
    carrier: str = ""
    tracking: str = ""


@dataclass(frozen=True, slots=True)
class OrderCompleted:
    order_id: OrderId


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    order_id: OrderId
    reason: str


@dataclass(frozen=True, slots=True)
class OrderLapsed:
    """Nobody paid before the reservation ran out. The order is cancelled."""

    order_id: OrderId


OrderEvent = (
    OrderPlaced
    | PaymentRequested
    | PaymentCaptured
    | PaymentDeclined
    | PaymentRefunded
    | OrderPaid
    | OrderShipped
    | OrderCompleted
    | OrderCancelled
    | OrderLapsed
)
