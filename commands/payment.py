"""Paying for an order, as the shopper and the staff ask for it. What the gateway says comes back as other commands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from commands.decider import Read
from commands.money import OPEN, Payment, PaymentState
from commands.order import ALLOWED, Order, Status, cannot, placed
from commands.order_refusals import NOT_SET_ASIDE
from commands.rejections import AmountRefused, InvalidTransition, LimitExceeded, PaymentUnderWay
from events import Event
from events.order import OrderPaid
from events.payment import CaptureRequested, PaymentRequested, PaymentVoidRequested, RefundRequested
from events.values import CaptureId, Money, OrderId, PaymentId, RefundId

MAX_PAYMENT_ATTEMPTS = 20
MAX_PARTS = 100
"""As many captures and refunds of a payment may be asked for."""


@dataclass(frozen=True, slots=True)
class PayOrder:
    """The shopper wants to pay by `method`, a token of the gateway. The outcome comes as another command.

    Without `capture` the money is only set aside, for staff to take."""

    order_id: OrderId
    payment_id: PaymentId
    method: str
    capture: bool = True


@dataclass(frozen=True, slots=True)
class CapturePayment:
    """Take this much of what is authorized, or all that is left of it."""

    order_id: OrderId
    capture_id: CaptureId
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Give this much back, or all that is held."""

    order_id: OrderId
    refund_id: RefundId
    reason: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class LetGo:
    """Nothing comes of the order: whatever is held goes back, and whatever is under way is called off."""

    order_id: OrderId
    reason: str


PaymentCommand = PayOrder | CapturePayment | RefundOrder | LetGo


def decide(command: PaymentCommand, read: Read) -> Sequence[Event]:
    order = placed(command.order_id, read)
    match command:
        case PayOrder():
            return _requested(command, order)
        case CapturePayment():
            return _capture_requested(command, order)
        case RefundOrder(order_id, refund_id, reason, amount):
            if any(refund_id in {**each.refunding, **each.refunded} for each in order.payments.values()):
                return []
            units = amount_of(amount, order, most=order.refundable)
            for payment in order.payments.values():
                _room(payment)
            return list(taken_back(order_id, order, refund_id, units, reason))
        case LetGo(order_id, reason) if order.status is Status.CANCELLED:
            return [
                *called_off(order_id, order, reason),
                *taken_back(order_id, order, next_refund(order_id, order), None, reason),
            ]
        case LetGo():
            return []
        case _:
            assert_never(command)


def _requested(command: PayOrder, order: Order) -> Sequence[Event]:
    """One payment is open at a time. One that waits for the shopper gives way to another try."""
    if command.payment_id in order.payments:
        return []
    if order.status is not Status.PENDING:
        raise cannot(order, Status.PAID)
    if (pending := order.open_payment) and order.payments[pending].step is not PaymentState.ACTION_REQUIRED:
        raise PaymentUnderWay(pending)
    if len(order.payments) >= MAX_PAYMENT_ATTEMPTS:
        raise LimitExceeded(f"An order can be paid in {MAX_PAYMENT_ATTEMPTS} attempts.", limit=MAX_PAYMENT_ATTEMPTS)
    order_id, payment_id = command.order_id, command.payment_id
    if (left := order.total.amount - order.refundable) <= 0:
        return [OrderPaid(order_id, payment_id, order.total)]
    requested = PaymentRequested(
        order_id, payment_id, Money(left, order.total.currency), command.method, command.capture
    )
    return [*called_off(order_id, order, "another way to pay was chosen"), requested]


def _capture_requested(command: CapturePayment, order: Order) -> Sequence[Event]:
    order_id, capture_id, amount = command.order_id, command.capture_id, command.amount
    if any(capture_id in {**each.capturing, **each.captured} for each in order.payments.values()):
        return []
    payment_id = order.open_payment
    payment = order.payments[payment_id] if payment_id else Payment()
    if order.status is not Status.PENDING:
        raise cannot(order, Status.PAID)
    if payment_id is None or payment.step is not PaymentState.AUTHORIZED:
        raise InvalidTransition("order", order.status, Status.PAID, ALLOWED[order.status], said=NOT_SET_ASIDE)
    units = amount_of(amount, order, most=payment.capturable)
    _room(payment)
    return [CaptureRequested(order_id, payment_id, capture_id, Money(units, order.total.currency))]


def amount_of(asked: Money | None, order: Order, most: int) -> int:
    """In minor units: what was asked for, or all there is. Raises AmountRefused for more than that, or for nothing."""
    currency = order.total.currency
    units = most if asked is None else asked.amount
    if not 0 < units <= most or (asked is not None and asked.currency != currency):
        raise AmountRefused(asked or Money(0, currency), Money(most, currency))
    return units


def taken_back(
    order_id: OrderId, order: Order, refund_id: RefundId, units: int | None, reason: str
) -> Iterator[RefundRequested]:
    """So much of the money that is held, or all of it; the newest payment first. Each is a refund of its own."""
    for payment_id, payment in list(order.payments.items())[::-1]:
        part = payment.refundable if units is None else min(units, payment.refundable)
        if part > 0:
            yield RefundRequested(order_id, payment_id, refund_id, Money(part, order.total.currency), reason)
            refund_id = RefundId(f"{refund_id}.1")
            units = None if units is None else units - part


def called_off(
    order_id: OrderId, order: Order, reason: str, *, but: PaymentId | None = None
) -> Iterator[PaymentVoidRequested]:
    for payment_id, payment in order.payments.items():
        if payment.step in OPEN and not payment.voiding and payment_id != but:
            yield PaymentVoidRequested(order_id, payment_id, reason)


def next_refund(order_id: OrderId, order: Order) -> RefundId:
    """For a refund that nobody has asked for by name: told by what was before it, so the same decision has the same."""
    return RefundId(f"{order_id}.back{sum(each.parts for each in order.payments.values()) + 1}")


def _room(payment: Payment) -> None:
    if payment.parts >= MAX_PARTS:
        raise LimitExceeded(f"A payment is captured and refunded in {MAX_PARTS} parts at most.", limit=MAX_PARTS)
