"""What the rules know of an order: PENDING -> PAID -> SHIPPED -> COMPLETED, or CANCELLED, and the money beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from commands import money
from commands.decider import Fold, Read
from commands.money import OPEN, Payments, PaymentState, state_of
from commands.order_refusals import PARTLY_SENT, SAID
from commands.rejections import InvalidTransition, NotFound
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
    Reservation,
)
from events.payment import PaymentRefunded
from events.quick import quick
from events.values import DEFAULT_LOCATION, CartId, Money, OrderId, PaymentId, Sku, UserId


class Status(StrEnum):
    NEW = "NEW"
    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


ALLOWED = {
    Status.PENDING: (Status.PAID, Status.CANCELLED),
    Status.PAID: (Status.SHIPPED, Status.CANCELLED),
    Status.SHIPPED: (Status.COMPLETED,),
}


@quick
@dataclass(frozen=True, slots=True)
class Order:
    status: Status = Status.NEW
    customer_id: UserId = UserId("")
    total: Money = Money(0, "")
    quantities: Mapping[Sku, int] = field(default_factory=dict)
    reserved: tuple[Reservation, ...] = ()
    """What is yet to be sent, in one canonical order."""
    worth: Mapping[Sku, int] = field(default_factory=dict)
    """What all units of a SKU cost together, with tax, in minor units."""
    returned: Mapping[Sku, int] = field(default_factory=dict)
    lapses_at: datetime | None = None
    payments: Payments = field(default_factory=dict)
    """In the order in which they were tried."""
    parcels: int = 0
    parcel: tuple[str, str] = ("", "")
    """Carrier and tracking number of the last one."""
    invoice: str = ""
    credited: int = 0
    """By credit notes, in minor units."""
    uncredited: tuple[PaymentRefunded, ...] = ()
    """Refunds that there is no credit note for yet, as far as they took away from what the order costs."""
    cart_id: CartId | None = None
    """Whose token opens a guest's order."""
    coupon: str | None = None

    def unsent(self, sku: Sku) -> int:
        return sum(each.quantity for each in self.reserved if each.sku == sku)

    def returnable(self, sku: Sku) -> int:
        """Units that were sent and have not come back."""
        return self.quantities.get(sku, 0) - self.unsent(sku) - self.returned.get(sku, 0)

    @property
    def is_partly_shipped(self) -> bool:
        return self.status is Status.PAID and self.parcels > 0

    @property
    def payment(self) -> PaymentState:
        return state_of(self.total.amount, self.payments)

    @property
    def open_payment(self) -> PaymentId | None:
        """The one that money is to come by."""
        wanted = [id_ for id_, each in self.payments.items() if each.step in OPEN and not each.voiding]
        return wanted[-1] if wanted else None

    @property
    def held(self) -> int:
        """Captured and not refunded, in minor units."""
        return sum(payment.held for payment in self.payments.values())

    @property
    def refundable(self) -> int:
        """Held, and not on its way back, in minor units."""
        return sum(payment.refundable for payment in self.payments.values())


def evolve(order: Order, event: OrderEvent) -> Order:
    match event:
        case OrderPlaced():
            return _placed(event)
        case OrderInvoiced(_, number):
            return replace(order, invoice=number)
        case OrderCredited(amount=amount):
            return replace(order, credited=order.credited + amount.amount, uncredited=order.uncredited[1:])
        case OrderPaid():
            return replace(order, status=Status.PAID)
        case OrderPartlyShipped(_, units, carrier, tracking):
            left = _without(order.reserved, units)
            return replace(order, reserved=left, parcels=order.parcels + 1, parcel=(carrier, tracking))
        case OrderShipped(_, carrier, tracking):
            parcel = carrier, tracking
            return replace(order, status=Status.SHIPPED, reserved=(), parcels=order.parcels + 1, parcel=parcel)
        case OrderCompleted():
            return replace(order, status=Status.COMPLETED)
        case OrderReturned(units=units):
            returned = dict(order.returned)
            for each in units:
                returned[each.sku] = returned.get(each.sku, 0) + each.quantity
            return replace(order, returned=returned)
        case OrderCancelled() | OrderLapsed():
            return replace(order, status=Status.CANCELLED, reserved=())
        case PaymentRefunded():
            return _refunded(replace(order, payments=money.evolve(order.payments, event)), event)
        case _:
            return replace(order, payments=money.evolve(order.payments, event))


def _placed(event: OrderPlaced) -> Order:
    quantities: dict[Sku, int] = {}
    worth: dict[Sku, int] = {}
    for line in event.lines:
        quantities[line.sku] = quantities.get(line.sku, 0) + line.quantity
        paid = line.total.amount if event.prices_include_tax else line.total.amount + line.tax
        worth[line.sku] = worth.get(line.sku, 0) + paid
    reserved = event.reservations or tuple(
        Reservation(sku, DEFAULT_LOCATION, units) for sku, units in sorted(quantities.items())
    )
    return Order(
        Status.PENDING,
        event.customer_id,
        event.total,
        quantities,
        reserved,
        worth,
        lapses_at=event.lapses_at,
        cart_id=event.cart_id,
        coupon=event.coupon,
    )


def _refunded(order: Order, event: PaymentRefunded) -> Order:
    """Money goes back without a credit note as long as there is no invoice, and where it was paid twice: what the
    order costs is still held."""
    if order.status is Status.PENDING:
        return order
    credited = order.credited + sum(each.amount.amount for each in order.uncredited)
    due = min(event.amount.amount, order.total.amount - credited - order.held)
    if due <= 0:
        return order
    refund = replace(event, amount=Money(due, event.amount.currency))
    return replace(order, uncredited=(*order.uncredited, refund))


def _without(reserved: tuple[Reservation, ...], sent: tuple[Reservation, ...]) -> tuple[Reservation, ...]:
    gone = {(each.sku, each.location): each.quantity for each in sent}
    left = (replace(each, quantity=each.quantity - gone.get((each.sku, each.location), 0)) for each in reserved)
    return tuple(each for each in left if each.quantity)


orders = Fold("order", Order(), evolve)


def placed(order_id: OrderId, read: Read) -> Order:
    """Raises NotFound."""
    order = read(orders(order_id))
    if order.status is Status.NEW:
        raise NotFound("order", order_id)
    return order


def cannot(order: Order, to: str) -> InvalidTransition:
    allowed, said = ALLOWED.get(order.status, ()), SAID.get((order.status, to), "")
    if order.is_partly_shipped:
        allowed, said = (Status.SHIPPED,), said if to == Status.PAID else PARTLY_SENT
    return InvalidTransition("order", order.status, to, allowed, said=said)
