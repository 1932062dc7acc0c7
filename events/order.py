"""What can happen to an order and to the money for it."""

from dataclasses import dataclass
from datetime import datetime

from events.payment import PaymentEvent
from events.quick import quick
from events.values import Address, CartId, Line, Money, OrderId, PaymentId, ReturnId, Sku, UserId, personal


@quick
@dataclass(frozen=True, slots=True)
class Reservation:
    """Units of an order that are reserved at one location."""

    sku: Sku
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shipping:
    """How an order is sent and what that sold for: `total` is `price - discount`. The rest is as in a line."""

    method_id: str
    name: str
    price: Money
    total: Money
    discount: int = 0
    tax: int = 0
    tax_ppm: int = 0


@quick
@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """What was ordered, and the whole computation of what it costs, frozen.

    `total` is the sum of the totals of lines and shipping, and of `tax` where that is not contained in them.
    `discount` and `tax` are sums over lines and shipping, in minor units. `reservations` say where the units are
    reserved, unless all of them are at the default location. A guest's order has an `email` and a customer of its own.
    """

    order_id: OrderId
    customer_id: UserId
    lines: tuple[Line, ...]
    total: Money
    cart_id: CartId | None = None
    lapses_at: datetime | None = None
    ship_to: Address | None = personal(default=None)
    reservations: tuple[Reservation, ...] = ()
    shipping: Shipping | None = None
    coupon: str | None = None
    discount: int = 0
    tax: int = 0
    prices_include_tax: bool = False
    bill_to: Address | None = personal(default=None)
    email: str | None = personal(default=None)


@dataclass(frozen=True, slots=True)
class OrderPaid:
    order_id: OrderId
    payment_id: PaymentId
    amount: Money


@dataclass(frozen=True, slots=True)
class OrderInvoiced:
    order_id: OrderId
    number: str


@dataclass(frozen=True, slots=True)
class OrderCredited:
    """A credit note was issued for the oldest refund that had none."""

    order_id: OrderId
    number: str
    amount: Money


@dataclass(frozen=True, slots=True)
class OrderPartlyShipped:
    """A parcel went out that leaves something behind. `units` say what was in it, and where that had been reserved."""

    order_id: OrderId
    units: tuple[Reservation, ...]
    carrier: str = ""
    tracking: str = ""


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """Whatever had not been sent before went out."""

    order_id: OrderId
    carrier: str = ""
    tracking: str = ""


@dataclass(frozen=True, slots=True)
class OrderCompleted:
    order_id: OrderId


@dataclass(frozen=True, slots=True)
class Returned:
    """Units that came back to a location, to be sold again if `restocked`, else written off.

    `worth` is what the customer had paid for them, with tax."""

    sku: Sku
    quantity: int
    restocked: bool
    location: str
    worth: Money


@dataclass(frozen=True, slots=True)
class OrderReturned:
    """Units that had been sent came back. Money that is given back for them is said beside it."""

    order_id: OrderId
    return_id: ReturnId
    units: tuple[Returned, ...]
    reason: str


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
    | OrderPaid
    | OrderInvoiced
    | OrderCredited
    | OrderPartlyShipped
    | OrderShipped
    | OrderCompleted
    | OrderReturned
    | OrderCancelled
    | OrderLapsed
    | PaymentEvent
)
