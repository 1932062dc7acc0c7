"""An order's life after checkout: PENDING -> PAID -> SHIPPED -> COMPLETED, or CANCELLED, and the money beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from commands.decider import Fold, Read
from commands.rejections import InvalidTransition, LimitExceeded, NotFound, PaymentUnderWay
from commands.stock import noticed, stocks
from events import Event
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
    Reservation,
)
from events.stock import StockCommitted, StockEvent, StockLapsed, StockReleased
from events.values import DEFAULT_LOCATION, Money, OrderId, PaymentId, Sku, UserId

MAX_PAYMENT_ATTEMPTS = 20
PAYMENT_GRACE = timedelta(minutes=15)
"""How long a payment without an answer keeps an order from lapsing. Money that comes later goes back."""


@dataclass(frozen=True, slots=True)
class PayOrder:
    """The shopper wants to pay by `method`, a token of the gateway. The outcome comes as another command."""

    order_id: OrderId
    payment_id: PaymentId
    method: str


@dataclass(frozen=True, slots=True)
class RecordCapture:
    """The gateway has taken the money."""

    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    gateway_reference: str


@dataclass(frozen=True, slots=True)
class RecordDecline:
    """The gateway refused."""

    order_id: OrderId
    payment_id: PaymentId
    reason: str


@dataclass(frozen=True, slots=True)
class RecordRefund:
    """The gateway has given the money back."""

    order_id: OrderId
    payment_id: PaymentId
    gateway_reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShipOrder:
    order_id: OrderId
    carrier: str = ""
    tracking: str = ""


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


OrderCommand = (
    PayOrder | RecordCapture | RecordDecline | RecordRefund | ShipOrder | CompleteOrder | CancelOrder | LapseOrder
)


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


class PaymentState(StrEnum):
    """Where the money for an order is."""

    NONE = "NONE"
    REQUESTED = "REQUESTED"
    DECLINED = "DECLINED"
    CAPTURED = "CAPTURED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True)
class Order:
    status: Status = Status.NEW
    customer_id: UserId = UserId("")
    total: Money = Money(0, "")
    quantities: Mapping[Sku, int] = field(default_factory=dict)
    reserved_at: tuple[Reservation, ...] = ()
    """Empty if all are reserved at the default location."""
    lapses_at: datetime | None = None
    payment: PaymentState = PaymentState.NONE
    payment_id: PaymentId | None = None
    attempts: frozenset[PaymentId] = frozenset()
    parcel: tuple[str, str] = ("", "")
    """Carrier and tracking number."""


def evolve(order: Order, event: OrderEvent) -> Order:
    match event:
        case OrderPlaced(customer_id=customer_id, lines=lines, total=total, lapses_at=lapses_at, reservations=places):
            quantities: dict[Sku, int] = {}
            for line in lines:
                quantities[line.sku] = quantities.get(line.sku, 0) + line.quantity
            return Order(Status.PENDING, customer_id, total, quantities, places, lapses_at)
        case PaymentRequested(payment_id=payment_id):
            attempts = order.attempts | {payment_id}
            return replace(order, payment=PaymentState.REQUESTED, payment_id=payment_id, attempts=attempts)
        case PaymentCaptured(payment_id=payment_id):
            return replace(order, payment=PaymentState.CAPTURED, payment_id=payment_id)
        case PaymentDeclined():
            return replace(order, payment=PaymentState.DECLINED)
        case PaymentRefunded():
            return replace(order, payment=PaymentState.REFUNDED)
        case OrderPaid():
            return replace(order, status=Status.PAID)
        case OrderShipped(_, carrier, tracking):
            return replace(order, status=Status.SHIPPED, parcel=(carrier, tracking))
        case OrderCompleted():
            return replace(order, status=Status.COMPLETED)
        case OrderCancelled() | OrderLapsed():
            return replace(order, status=Status.CANCELLED)
        case _:
            assert_never(event)


orders = Fold("order", Order(), evolve)


def decide(command: OrderCommand, read: Read) -> Sequence[Event]:
    """`match command, order.status` is the state diagram; whatever is not in it is refused."""
    order = read(orders(command.order_id))
    if order.status is Status.NEW:
        raise NotFound("order", command.order_id)
    match command, order.status:
        case PayOrder(), _:
            return _payment_requested(command, order)
        case RecordCapture(), _:
            return _captured(command, order)
        case RecordDecline(order_id, payment_id, reason), _:
            is_open = order.payment is PaymentState.REQUESTED and order.payment_id == payment_id
            return [PaymentDeclined(order_id, payment_id, reason)] if is_open else []
        case RecordRefund(order_id, payment_id, reference, reason), _:
            is_held = order.payment is PaymentState.CAPTURED and order.payment_id == payment_id
            return [PaymentRefunded(order_id, payment_id, order.total, reference, reason)] if is_held else []
        case ShipOrder(order_id, carrier, tracking), Status.PAID:
            sold = [StockCommitted(each.sku, order_id, each.quantity, each.location) for each in _reserved(order)]
            return [OrderShipped(order_id, carrier, tracking), *_moved(sold, read)]
        case CompleteOrder(order_id), Status.SHIPPED:
            return [OrderCompleted(order_id)]
        case CancelOrder(order_id, reason), Status.PENDING | Status.PAID:
            released = [
                StockReleased(each.sku, order_id, each.quantity, reason, each.location) for each in _reserved(order)
            ]
            return [OrderCancelled(order_id, reason), *_moved(released, read)]
        case LapseOrder(order_id, now), Status.PENDING:
            grace = PAYMENT_GRACE if order.payment is PaymentState.REQUESTED else timedelta()
            if order.lapses_at is None or now < order.lapses_at + grace:
                return []
            lapsed = [StockLapsed(each.sku, order_id, each.quantity, each.location) for each in _reserved(order)]
            return [OrderLapsed(order_id), *_moved(lapsed, read)]
        case ShipOrder(_, carrier, tracking), Status.SHIPPED | Status.COMPLETED if order.parcel == (carrier, tracking):
            return []
        case (CompleteOrder(), Status.COMPLETED) | (CancelOrder(), Status.CANCELLED) | (LapseOrder(), _):
            return []
        case ShipOrder(), _:
            raise _cannot(order, Status.SHIPPED)
        case CompleteOrder(), _:
            raise _cannot(order, Status.COMPLETED)
        case CancelOrder(), _:
            raise _cannot(order, Status.CANCELLED)
        case _:
            raise AssertionError(f"no rule for {command}")


def _reserved(order: Order) -> Sequence[Reservation]:
    """Units per SKU and location, in one canonical order."""
    at_default = (Reservation(sku, DEFAULT_LOCATION, units) for sku, units in sorted(order.quantities.items()))
    return order.reserved_at or tuple(at_default)


def _moved(facts: Sequence[StockEvent], read: Read) -> Sequence[StockEvent]:
    """The facts, and what they take across a threshold."""
    read.all([stocks(fact.sku, fact.location) for fact in facts])
    return [each for fact in facts for each in noticed(fact, read)]


def _payment_requested(command: PayOrder, order: Order) -> Sequence[Event]:
    """One payment is open at a time."""
    if command.payment_id in order.attempts:
        return []
    if order.status is not Status.PENDING:
        raise _cannot(order, Status.PAID)
    if order.payment is PaymentState.REQUESTED:
        raise PaymentUnderWay(order.payment_id or "")
    if len(order.attempts) >= MAX_PAYMENT_ATTEMPTS:
        raise LimitExceeded(f"An order can be paid in {MAX_PAYMENT_ATTEMPTS} attempts.", limit=MAX_PAYMENT_ATTEMPTS)
    return [PaymentRequested(command.order_id, command.payment_id, order.total, command.method)]


def _captured(command: RecordCapture, order: Order) -> Sequence[Event]:
    """Money that came is always written down, even for an order cancelled meanwhile: fulfilment gives it back."""
    if order.payment in (PaymentState.CAPTURED, PaymentState.REFUNDED) and order.payment_id == command.payment_id:
        return []
    captured = PaymentCaptured(command.order_id, command.payment_id, command.amount, command.gateway_reference)
    if order.status is Status.PENDING:
        return [captured, OrderPaid(command.order_id, command.payment_id, command.amount)]
    return [captured]


def _cannot(order: Order, to: Status) -> InvalidTransition:
    return InvalidTransition("order", order.status, to, ALLOWED.get(order.status, ()))
