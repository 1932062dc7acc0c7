"""What becomes of an order: shipped, completed, cancelled, or lapsed because nobody paid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from commands.decider import Read
from commands.money import UNANSWERED
from commands.order import Order, Status, cannot, placed
from commands.redeeming import returned
from commands.rejections import LimitExceeded, TooManyUnits
from commands.stock import noticed, stocks
from events import Event
from events.order import (
    OrderCancelled,
    OrderCompleted,
    OrderLapsed,
    OrderPartlyShipped,
    OrderShipped,
    Reservation,
)
from events.stock import StockCommitted, StockEvent, StockLapsed, StockReleased
from events.values import OrderId, Sku

PAYMENT_GRACE = timedelta(minutes=15)
"""How long a payment without an answer keeps an order from lapsing. Money that comes later goes back."""


class Units(NamedTuple):
    sku: Sku
    quantity: int


@dataclass(frozen=True, slots=True)
class ShipOrder:
    """A parcel goes out: with these units, or with all that has not been sent yet."""

    order_id: OrderId
    carrier: str = ""
    tracking: str = ""
    units: tuple[Units, ...] = ()


@dataclass(frozen=True, slots=True)
class CompleteOrder:
    order_id: OrderId


@dataclass(frozen=True, slots=True)
class CancelOrder:
    order_id: OrderId
    reason: str


@dataclass(frozen=True, slots=True)
class LapseOrder:
    """Nobody paid in time. `now` is when that was found."""

    order_id: OrderId
    now: datetime


OrderLifeCommand = ShipOrder | CompleteOrder | CancelOrder | LapseOrder


def decide(command: OrderLifeCommand, read: Read) -> Sequence[Event]:
    """`match command, order.status` is the state diagram; whatever is not in it is refused."""
    order = placed(command.order_id, read)
    match command, order.status:
        case ShipOrder(order_id, carrier, tracking, units), Status.PAID:
            parcel = _packed(units, order) if units else order.reserved
            sent = OrderPartlyShipped(order_id, parcel, carrier, tracking)
            sold = [StockCommitted(each.sku, order_id, each.quantity, each.location) for each in parcel]
            is_last = parcel == order.reserved
            return [OrderShipped(order_id, carrier, tracking) if is_last else sent, *_moved(sold, read)]
        case CompleteOrder(order_id), Status.SHIPPED:
            return [OrderCompleted(order_id)]
        case CancelOrder(order_id, reason), Status.PENDING | Status.PAID if not order.is_partly_shipped:
            released = [
                StockReleased(each.sku, order_id, each.quantity, reason, each.location) for each in order.reserved
            ]
            coupon = returned(order.coupon, order_id, order.customer_id, read)
            return [OrderCancelled(order_id, reason), *_moved(released, read), *coupon]
        case LapseOrder(order_id, now), Status.PENDING:
            if (deadline := _deadline(order)) is None or now < deadline:
                return []
            lapsed = [StockLapsed(each.sku, order_id, each.quantity, each.location) for each in order.reserved]
            coupon = returned(order.coupon, order_id, order.customer_id, read)
            return [OrderLapsed(order_id), *_moved(lapsed, read), *coupon]
        case ShipOrder(_, carrier, tracking, ()), Status.SHIPPED | Status.COMPLETED if order.parcel == (
            carrier,
            tracking,
        ):
            return []
        case (CompleteOrder(), Status.COMPLETED) | (CancelOrder(), Status.CANCELLED) | (LapseOrder(), _):
            return []
        case ShipOrder(), _:
            raise cannot(order, Status.SHIPPED)
        case CompleteOrder(), _:
            raise cannot(order, Status.COMPLETED)
        case CancelOrder(), _:
            raise cannot(order, Status.CANCELLED)
        case _:
            raise AssertionError(f"no rule for {command}")


def _deadline(order: Order) -> datetime | None:
    """When goods that nobody has paid go back on sale."""
    payment = order.payments.get(order.open_payment) if order.open_payment else None
    if order.lapses_at is None or payment is None:
        return order.lapses_at
    if payment.step in UNANSWERED:
        return order.lapses_at + PAYMENT_GRACE
    return payment.expires_at


def _packed(units: Sequence[Units], order: Order) -> tuple[Reservation, ...]:
    """These units from where they are reserved, in the order in which that was done.

    Raises TooManyUnits, LimitExceeded."""
    if any(each.quantity < 1 for each in units):
        raise LimitExceeded("A parcel holds at least one unit of each line.", limit=1)
    wanted = summed(units)
    missing = [(sku, n, order.unsent(sku)) for sku, n in wanted.items() if n > order.unsent(sku)]
    if missing:
        raise TooManyUnits(missing)
    packed = []
    for each in order.reserved:
        if taken := min(each.quantity, wanted.get(each.sku, 0)):
            packed.append(replace(each, quantity=taken))
            wanted[each.sku] -= taken
    return tuple(packed)


def summed(units: Iterable[tuple[Sku, int]]) -> dict[Sku, int]:
    """Of each SKU, however many lines name it."""
    together: dict[Sku, int] = {}
    for sku, quantity in units:
        together[sku] = together.get(sku, 0) + quantity
    return together


def _moved(facts: Sequence[StockEvent], read: Read) -> Sequence[StockEvent]:
    """The facts, and what they take across a threshold."""
    read.all([stocks(fact.sku, fact.location) for fact in facts])
    return [each for fact in facts for each in noticed(fact, read)]
