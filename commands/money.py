"""What the rules know of the money for an order: each way to pay that was tried, and what came and went by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar, assert_never

from events.payment import (
    AT_ONCE,
    CaptureFailed,
    CaptureRequested,
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentEvent,
    PaymentRefunded,
    PaymentRequested,
    PaymentVoided,
    PaymentVoidRequested,
    RefundFailed,
    RefundRequested,
)
from events.values import CaptureId, PaymentId, RefundId


class PaymentState(StrEnum):
    """Where the money for an order is."""

    NONE = "NONE"
    REQUESTED = "REQUESTED"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    DECLINED = "DECLINED"
    AUTHORIZED = "AUTHORIZED"
    VOIDED = "VOIDED"
    PARTIALLY_CAPTURED = "PARTIALLY_CAPTURED"
    CAPTURED = "CAPTURED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


UNANSWERED = (PaymentState.REQUESTED, PaymentState.ACTION_REQUIRED)
OPEN = (*UNANSWERED, PaymentState.AUTHORIZED)


@dataclass(frozen=True, slots=True)
class Payment:
    """One way to pay that was tried. Amounts are in minor units of the order's currency.

    `step` goes from NONE, before it is asked for here, by REQUESTED to CAPTURED, DECLINED or VOIDED; how much is
    captured or refunded, the amounts say."""

    step: PaymentState = PaymentState.NONE
    amount: int = 0
    at_once: bool = True
    """Whether the gateway was asked to capture it by itself."""
    expires_at: datetime | None = None
    voiding: bool = False
    capturing: Mapping[CaptureId, int] = field(default_factory=dict)
    captured: Mapping[CaptureId, int] = field(default_factory=dict)
    refunding: Mapping[RefundId, int] = field(default_factory=dict)
    refunded: Mapping[RefundId, int] = field(default_factory=dict)
    parts: int = 0
    """How many captures and refunds were asked for or came unasked, failed ones too."""

    @property
    def held(self) -> int:
        return sum(self.captured.values()) - sum(self.refunded.values())

    @property
    def refundable(self) -> int:
        """Held, and not on its way back."""
        return self.held - sum(self.refunding.values())

    @property
    def capturable(self) -> int:
        """Authorized, and not asked for yet."""
        if self.step is not PaymentState.AUTHORIZED or self.voiding:
            return 0
        return self.amount - sum(self.captured.values()) - sum(self.capturing.values())


Payments = Mapping[PaymentId, Payment]


def evolve(payments: Payments, event: PaymentEvent) -> Payments:
    return {**payments, event.payment_id: _evolved(payments.get(event.payment_id, Payment()), event)}


def _evolved(payment: Payment, event: PaymentEvent) -> Payment:
    match event:
        case PaymentRequested(amount=amount, capture=at_once):
            return Payment(PaymentState.REQUESTED, amount.amount, at_once)
        case PaymentActionRequired():
            return replace(payment, step=PaymentState.ACTION_REQUIRED)
        case PaymentAuthorized(amount=amount, expires_at=expires_at):
            return replace(payment, step=PaymentState.AUTHORIZED, amount=amount.amount, expires_at=expires_at)
        case CaptureRequested(capture_id=id_, amount=amount):
            asked = {**payment.capturing, id_: amount.amount}
            return replace(payment, capturing=asked, parts=payment.parts + 1)
        case PaymentCaptured(capture_id=id_, amount=amount):
            capturing, captured = _without(payment.capturing, id_), {**payment.captured, id_: amount.amount}
            if id_ != AT_ONCE and sum(captured.values()) < payment.amount:
                return replace(payment, capturing=capturing, captured=captured)
            return replace(payment, step=PaymentState.CAPTURED, voiding=False, capturing=capturing, captured=captured)
        case CaptureFailed(capture_id=id_):
            return replace(payment, capturing=_without(payment.capturing, id_))
        case PaymentDeclined():
            return replace(payment, step=PaymentState.DECLINED, voiding=False)
        case PaymentVoidRequested():
            return replace(payment, voiding=True)
        case PaymentVoided():
            step = PaymentState.CAPTURED if payment.captured else PaymentState.VOIDED
            return replace(payment, step=step, voiding=False, capturing={})
        case RefundRequested(refund_id=refund_id, amount=amount):
            refunding = {**payment.refunding, refund_id: amount.amount}
            return replace(payment, refunding=refunding, parts=payment.parts + 1)
        case PaymentRefunded(refund_id=refund_id, amount=amount):
            refunded = {**payment.refunded, refund_id: amount.amount}
            return replace(payment, refunding=_without(payment.refunding, refund_id), refunded=refunded)
        case RefundFailed(refund_id=refund_id):
            return replace(payment, refunding=_without(payment.refunding, refund_id))
        case _:
            assert_never(event)


def state_of(total: int, payments: Payments) -> PaymentState:
    """Money that came tells the state; before any has, the newest try does."""
    captured = sum(sum(each.captured.values()) for each in payments.values())
    held = sum(each.held for each in payments.values())
    if captured <= 0:
        return [PaymentState.NONE, *(each.step for each in payments.values())][-1]
    if held <= 0:
        return PaymentState.REFUNDED
    if held < captured and held < total:
        return PaymentState.PARTIALLY_REFUNDED
    return PaymentState.CAPTURED if held >= total else PaymentState.PARTIALLY_CAPTURED


Id = TypeVar("Id", CaptureId, RefundId)


def _without(amounts: Mapping[Id, int], id_: Id) -> Mapping[Id, int]:
    return {each: amount for each, amount in amounts.items() if each != id_}
