"""When this happened, do that next: the policy that moves paying and refunding along.

The gateway is asked outside any transaction; what it says comes back as a command. Asking again is harmless: every
call carries the payment's id as its idempotency key, and every command that results adds nothing the second time.
"""

from dataclasses import dataclass
from typing import Protocol

from commands.order import Order, OrderCommand, PaymentState, RecordCapture, RecordDecline, RecordRefund, Status
from events import Event
from events.order import OrderCancelled, PaymentCaptured, PaymentRequested
from events.values import Money, OrderId, PaymentId


@dataclass(frozen=True, slots=True)
class Captured:
    reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    reason: str


class GatewayUnavailable(Exception):
    """The gateway gave no answer. Ask again later, with the same payment id."""


class Gateway(Protocol):
    """Takes and returns money. Both calls are idempotent per payment id and raise GatewayUnavailable."""

    async def capture(self, payment_id: PaymentId, amount: Money, method: str) -> Captured | Declined: ...

    async def refund(self, payment_id: PaymentId, amount: Money) -> str:
        """The gateway's reference of the refund."""
        ...


REACTS_TO = (PaymentRequested, PaymentCaptured, OrderCancelled)


async def react(event: Event, order: Order, gateway: Gateway) -> OrderCommand | None:
    """What to do about `event`, given its order as it is by now. Raises GatewayUnavailable."""
    match event:
        case PaymentRequested(order_id, payment_id, amount, method):
            # Also for an order that was cancelled meanwhile: a try before may have taken the money. It goes back then.
            if order.payment is not PaymentState.REQUESTED or order.payment_id != payment_id:
                return None
            match await gateway.capture(payment_id, amount, method):
                case Captured(reference):
                    return RecordCapture(order_id, payment_id, amount, reference)
                case Declined(reason):
                    return RecordDecline(order_id, payment_id, reason)
        case PaymentCaptured(order_id) | OrderCancelled(order_id):
            return await _refunded_if_cancelled(order_id, order, gateway)
    return None


async def _refunded_if_cancelled(order_id: OrderId, order: Order, gateway: Gateway) -> OrderCommand | None:
    if order.status is not Status.CANCELLED or order.payment is not PaymentState.CAPTURED or order.payment_id is None:
        return None
    reference = await gateway.refund(order.payment_id, order.total)
    return RecordRefund(order_id, order.payment_id, reference, "the order was cancelled")
