"""When this happened, do that next: the policy that moves paying and refunding along.

The gateway is asked outside any transaction; what it says comes back as a command. Asking again is harmless: every
call carries the id of the payment, capture or refund as its idempotency key, and every command that results adds
nothing the second time.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from commands import Command
from commands.gateway import ActionRequired, Authorized, Captured, Declined, Gateway, Refunded, Voided
from commands.handler import Handler
from commands.money import Payment, PaymentState
from commands.order import Order, orders
from commands.paper import IssuePapers
from commands.payment import LetGo
from commands.policy import Policy, Unavailable
from commands.settlement import (
    RecordActionRequired,
    RecordAuthorization,
    RecordCapture,
    RecordCaptureFailure,
    RecordDecline,
    RecordRefund,
    RecordRefundFailure,
    RecordVoid,
    SettlementCommand,
)
from events.order import OrderCancelled, OrderLapsed
from events.paper import Seller
from events.payment import CaptureRequested, PaymentRequested, PaymentVoidRequested, RefundRequested
from events.store import Recorded

Cause = PaymentRequested | CaptureRequested | PaymentVoidRequested | RefundRequested | OrderCancelled | OrderLapsed
REACTS_TO = (PaymentRequested, CaptureRequested, PaymentVoidRequested, RefundRequested, OrderCancelled, OrderLapsed)


def fulfilment(gateway: Gateway, seller: Seller) -> Policy:
    async def reaction(fact: Recorded, handler: Handler) -> Sequence[Command]:
        """The order as it was when the fact was written, or later, will do: whatever follows by then, the rules know.

        After a call in vain it is read anew, since another process may have called it all off."""
        event = fact.event
        assert isinstance(event, REACTS_TO)
        order = orders(event.order_id)
        try:
            command = await react(event, await handler.read(order, at_least=fact.version), gateway)
        except Unavailable:
            handler.forget([order])
            raise
        return () if command is None else (command, IssuePapers(event.order_id, datetime.now(UTC), seller))

    return Policy("fulfilment", REACTS_TO, reaction)


async def react(event: Cause, order: Order, gateway: Gateway) -> SettlementCommand | LetGo | None:
    """What to do about `event`, given its order as it is by now. Raises GatewayUnavailable."""
    match event:
        case OrderCancelled(order_id, _):
            return LetGo(order_id, "the order was cancelled") if order.payments else None
        case OrderLapsed(order_id):
            return LetGo(order_id, "the order was not paid in time") if order.payments else None
    payment = order.payments[event.payment_id]
    match event:
        case PaymentRequested():
            return await _authorized(event, payment, gateway)
        case CaptureRequested(order_id, payment_id, capture_id, amount) if capture_id in payment.capturing:
            match await gateway.capture(payment_id, capture_id, amount):
                case Captured(reference, taken):
                    return RecordCapture(order_id, payment_id, taken, reference, capture_id)
                case Declined(reason):
                    return RecordCaptureFailure(order_id, payment_id, capture_id, reason)
        case PaymentVoidRequested(order_id, payment_id) if payment.voiding:
            match await gateway.void(payment_id):
                case Voided():
                    return RecordVoid(order_id, payment_id)
                case Captured(reference, taken):
                    return RecordCapture(order_id, payment_id, taken, reference)
        case RefundRequested(order_id, payment_id, refund_id, amount, reason) if refund_id in payment.refunding:
            match await gateway.refund(payment_id, refund_id, amount):
                case Refunded(reference):
                    return RecordRefund(order_id, payment_id, reference, reason, refund_id, amount)
                case Declined(why):
                    return RecordRefundFailure(order_id, payment_id, refund_id, why)
    return None


async def _authorized(event: PaymentRequested, payment: Payment, gateway: Gateway) -> SettlementCommand | None:
    """A payment that is called off is not asked for any more: its void finds out whether it was taken before."""
    if payment.step is not PaymentState.REQUESTED or payment.voiding:
        return None
    order_id, payment_id, amount = event.order_id, event.payment_id, event.amount
    match await gateway.authorize(order_id, payment_id, amount, event.method, capture=event.capture):
        case Captured(reference, taken):
            return RecordCapture(order_id, payment_id, taken, reference)
        case Authorized(reference, expires_at):
            return RecordAuthorization(order_id, payment_id, amount, reference, expires_at)
        case ActionRequired(url):
            return RecordActionRequired(order_id, payment_id, url)
        case Declined(reason):
            return RecordDecline(order_id, payment_id, reason)
        case answer:
            assert_never(answer)
