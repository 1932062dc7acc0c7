"""What the gateway says of a payment, in whatever order it comes and however often.

Money that came or went is always written down. What came without being due, because the order is cancelled by now or
was paid twice, is asked back in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from commands.decider import Read
from commands.money import OPEN, UNANSWERED, Payment, PaymentState
from commands.order import Order, Status, placed
from commands.payment import called_off, next_refund
from commands.rejections import AmountRefused
from events import Event
from events.order import OrderPaid
from events.payment import (
    AT_ONCE,
    CaptureFailed,
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    PaymentVoidRequested,
    RefundFailed,
    RefundRequested,
)
from events.values import CaptureId, Money, OrderId, PaymentId, RefundId


@dataclass(frozen=True, slots=True)
class RecordActionRequired:
    order_id: OrderId
    payment_id: PaymentId
    url: str


@dataclass(frozen=True, slots=True)
class RecordAuthorization:
    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    gateway_reference: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RecordCapture:
    """The gateway has taken the money."""

    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    gateway_reference: str
    capture_id: CaptureId = AT_ONCE


@dataclass(frozen=True, slots=True)
class RecordCaptureFailure:
    order_id: OrderId
    payment_id: PaymentId
    capture_id: CaptureId
    reason: str


@dataclass(frozen=True, slots=True)
class RecordDecline:
    order_id: OrderId
    payment_id: PaymentId
    reason: str


@dataclass(frozen=True, slots=True)
class RecordVoid:
    """The gateway has let go of what was authorized."""

    order_id: OrderId
    payment_id: PaymentId


@dataclass(frozen=True, slots=True)
class RecordRefund:
    """The gateway has given money back; without `amount`, all that was held of this payment."""

    order_id: OrderId
    payment_id: PaymentId
    gateway_reference: str
    reason: str
    refund_id: RefundId = RefundId("")
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class RecordRefundFailure:
    order_id: OrderId
    payment_id: PaymentId
    refund_id: RefundId
    reason: str


SettlementCommand = (
    RecordActionRequired
    | RecordAuthorization
    | RecordCapture
    | RecordCaptureFailure
    | RecordDecline
    | RecordVoid
    | RecordRefund
    | RecordRefundFailure
)


def decide(command: SettlementCommand, read: Read) -> Sequence[Event]:
    order = placed(command.order_id, read)
    payment = order.payments.get(command.payment_id, Payment())
    match command:
        case RecordActionRequired(order_id, payment_id, url):
            is_news = payment.step is PaymentState.REQUESTED
            return [PaymentActionRequired(order_id, payment_id, url)] if is_news else []
        case RecordAuthorization():
            return _authorized(command, order, payment)
        case RecordCapture():
            return _captured(command, order, payment)
        case RecordCaptureFailure(order_id, payment_id, capture_id, reason):
            is_news = capture_id in payment.capturing
            return [CaptureFailed(order_id, payment_id, capture_id, reason)] if is_news else []
        case RecordDecline(order_id, payment_id, reason):
            return [PaymentDeclined(order_id, payment_id, reason)] if payment.step in UNANSWERED else []
        case RecordVoid(order_id, payment_id):
            return [PaymentVoided(order_id, payment_id)] if payment.step in OPEN else []
        case RecordRefund():
            return _refunded(command, order, payment)
        case RecordRefundFailure(order_id, payment_id, refund_id, reason):
            is_news = refund_id in payment.refunding
            return [RefundFailed(order_id, payment_id, refund_id, reason)] if is_news else []
        case _:
            assert_never(command)


def _authorized(command: RecordAuthorization, order: Order, payment: Payment) -> Sequence[Event]:
    """Also of a payment that was declined before: whoever sets money aside late has it let go.

    Where the capture comes along, only that is news."""
    known = (PaymentState.AUTHORIZED, PaymentState.CAPTURED, PaymentState.VOIDED)
    if payment.step in known or (payment.step in UNANSWERED and payment.at_once):
        return []
    order_id, payment_id, amount = command.order_id, command.payment_id, _ours(command.amount, order)
    authorized = PaymentAuthorized(order_id, payment_id, amount, command.gateway_reference, command.expires_at)
    is_wanted = order.status is Status.PENDING and order.open_payment in (payment_id, None)
    if is_wanted or payment.voiding:
        return [authorized]
    return [authorized, PaymentVoidRequested(order_id, payment_id, "it came too late")]


def _captured(command: RecordCapture, order: Order, payment: Payment) -> Sequence[Event]:
    if command.capture_id in payment.captured:
        return []
    order_id, payment_id, total = command.order_id, command.payment_id, order.total.amount
    amount = _ours(command.amount, order)
    facts: list[Event] = [PaymentCaptured(order_id, payment_id, amount, command.gateway_reference, command.capture_id)]
    excess = amount.amount
    if order.status is Status.PENDING:
        kept = amount.amount + order.refundable
        excess = min(kept - total, excess)
        if kept >= total:
            facts.append(OrderPaid(order_id, payment_id, order.total))
            is_whole = command.capture_id == AT_ONCE or sum(payment.captured.values()) + amount.amount >= payment.amount
            facts += called_off(order_id, order, "the order was paid otherwise", but=payment_id if is_whole else None)
    if excess > 0:
        back = Money(excess, amount.currency)
        reason = "the order was cancelled" if order.status is Status.CANCELLED else "the order was paid already"
        facts.append(RefundRequested(order_id, payment_id, next_refund(order_id, order), back, reason))
    return facts


def _refunded(command: RecordRefund, order: Order, payment: Payment) -> Sequence[Event]:
    if command.refund_id in payment.refunded:
        return []
    amount = command.amount or Money(payment.held, order.total.currency)
    if amount.amount <= 0:
        return []
    order_id, payment_id, reference = command.order_id, command.payment_id, command.gateway_reference
    refund_id, reason = command.refund_id, command.reason
    return [PaymentRefunded(order_id, payment_id, _ours(amount, order), reference, reason, refund_id)]


def _ours(amount: Money, order: Order) -> Money:
    """In the order's currency; else it is not about this order. Raises AmountRefused."""
    if amount.currency != order.total.currency:
        raise AmountRefused(amount, order.total)
    return amount
