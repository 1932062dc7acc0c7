"""What can happen to the money for an order. These facts are part of the order's stream.

What is asked of the gateway is a fact before it is asked, and what the gateway says is another.
"""

from dataclasses import dataclass
from datetime import datetime

from events.values import CaptureId, Money, OrderId, PaymentId, RefundId

AT_ONCE = CaptureId("")
"""The capture that comes with the authorization: all of the payment, taken without being asked for once more."""


@dataclass(frozen=True, slots=True)
class PaymentRequested:
    """The shopper asked to pay; the gateway is yet to be asked. `method` is the gateway's token for the means.

    Without `capture` the money is only to be authorized, and staff take it later."""

    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    method: str
    capture: bool = True


@dataclass(frozen=True, slots=True)
class PaymentActionRequired:
    """The gateway wants the shopper to confirm at `url`."""

    order_id: OrderId
    payment_id: PaymentId
    url: str


@dataclass(frozen=True, slots=True)
class PaymentAuthorized:
    """The money is set aside for us until `expires_at`."""

    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    gateway_reference: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CaptureRequested:
    """Staff want this much of an authorized payment; the gateway is yet to be asked."""

    order_id: OrderId
    payment_id: PaymentId
    capture_id: CaptureId
    amount: Money


@dataclass(frozen=True, slots=True)
class PaymentCaptured:
    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    gateway_reference: str
    capture_id: CaptureId = AT_ONCE


@dataclass(frozen=True, slots=True)
class CaptureFailed:
    order_id: OrderId
    payment_id: PaymentId
    capture_id: CaptureId
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentDeclined:
    order_id: OrderId
    payment_id: PaymentId
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentVoidRequested:
    """The payment is not wanted any more: the gateway is to let go of what is not captured."""

    order_id: OrderId
    payment_id: PaymentId
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentVoided:
    order_id: OrderId
    payment_id: PaymentId


@dataclass(frozen=True, slots=True)
class RefundRequested:
    """Money is to go back; the gateway is yet to be asked."""

    order_id: OrderId
    payment_id: PaymentId
    refund_id: RefundId
    amount: Money
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    order_id: OrderId
    payment_id: PaymentId
    amount: Money
    gateway_reference: str
    reason: str
    refund_id: RefundId = RefundId("")


@dataclass(frozen=True, slots=True)
class RefundFailed:
    order_id: OrderId
    payment_id: PaymentId
    refund_id: RefundId
    reason: str


PaymentEvent = (
    PaymentRequested
    | PaymentActionRequired
    | PaymentAuthorized
    | CaptureRequested
    | PaymentCaptured
    | CaptureFailed
    | PaymentDeclined
    | PaymentVoidRequested
    | PaymentVoided
    | RefundRequested
    | PaymentRefunded
    | RefundFailed
)
