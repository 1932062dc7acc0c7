"""Money after the shopper's wish to pay: what staff take and give back, and what the gateway tells by webhooks."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from api.fields import Body, Currency, MoneyField, OrderPath, Reason
from api.handling import Handle, Handling
from api.problems import Problem, invalid
from api.security import Staff
from api.straight import StraightRoute
from commands.handler import Once
from commands.order import orders
from commands.paper import IssuePapers
from commands.payment import CapturePayment, RefundOrder
from commands.rejections import AmountRefused, NotFound
from commands.settlement import (
    RecordAuthorization,
    RecordCapture,
    RecordDecline,
    RecordRefund,
    RecordRefundFailure,
    RecordVoid,
    SettlementCommand,
)
from events.values import CaptureId, Money, OrderId, PaymentId, RefundId
from infrastructure.ids import new_id
from infrastructure.webhooks import WebhookRefused, verified

router = APIRouter(prefix="/v1", route_class=StraightRoute)

log = structlog.get_logger(__name__)


class Said(BaseModel):
    """`captured` or `refunded` amounts are in minor units. What else a gateway sends along is not looked at."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    order_id: str
    payment_id: str
    amount: int
    currency: Currency
    reference: str
    reason: str = ""
    expires_at: datetime | None = None
    capture_id: str = ""
    refund_id: str = ""


class Webhook(BaseModel):
    type: str
    data: Said


class Heard(BaseModel):
    """`recorded`, or `ignored`: it is not about a payment of ours, and reconciliation will show it if money moved."""

    outcome: Literal["recorded", "ignored"]


def _settlement(type_: str, said: Said) -> SettlementCommand | None:
    order_id, payment_id, reference = OrderId(said.order_id), PaymentId(said.payment_id), said.reference
    amount, refund_id = Money(said.amount, said.currency), RefundId(said.refund_id)
    match type_:
        case "payment.authorized" if said.expires_at is not None:
            return RecordAuthorization(order_id, payment_id, amount, reference, said.expires_at)
        case "payment.captured":
            return RecordCapture(order_id, payment_id, amount, reference, CaptureId(said.capture_id))
        case "payment.declined":
            return RecordDecline(order_id, payment_id, said.reason)
        case "payment.voided":
            return RecordVoid(order_id, payment_id)
        case "refund.succeeded":
            return RecordRefund(order_id, payment_id, reference, said.reason or type_, refund_id, amount)
        case "refund.failed":
            return RecordRefundFailure(order_id, payment_id, refund_id, said.reason)
    return None


class Capture(Body):
    """How much to take; without `amount`, all that is left."""

    amount: MoneyField | None = None


class CaptureStarted(BaseModel):
    order_id: str
    capture_id: str
    version: int


class Refund(Body):
    """How much to give back; without `amount`, all that is held."""

    amount: MoneyField | None = None
    reason: Reason


class RefundStarted(BaseModel):
    order_id: str
    refund_id: str
    version: int


@router.post("/orders/{order_id}/capture", tags=["orders"], status_code=202, response_model=CaptureStarted)
async def capture_payment(order_id: OrderPath, body: Capture, staff: Staff, handle: Handle) -> Response:
    """Take money that is authorized, in one or several parts. When the total is captured, the order is paid."""
    handle.require_key()
    command = CapturePayment(order_id, CaptureId(new_id("cap")), _value(body.amount))
    return await _started(handle, command, {"capture_id": command.capture_id})


@router.post("/orders/{order_id}/refunds", tags=["orders"], status_code=202, response_model=RefundStarted)
async def refund_order(order_id: OrderPath, body: Refund, staff: Staff, handle: Handle) -> Response:
    """Give money back. The gateway is asked after this is stored; the order tells how it went."""
    handle.require_key()
    command = RefundOrder(order_id, RefundId(new_id("ref")), body.reason, _value(body.amount))
    return await _started(handle, command, {"refund_id": command.refund_id})


def _value(amount: MoneyField | None) -> Money | None:
    return None if amount is None else amount.value()


async def _started(handle: Handling, command: CapturePayment | RefundOrder, said: dict[str, str]) -> Response:
    order = orders(command.order_id)
    return await handle(
        command,
        about=order,
        status=202,
        answer=lambda done: {"order_id": command.order_id, **said, "version": done.versions[order.stream]},
    )


@router.post("/payments/webhooks/{gateway}", tags=["payments"], status_code=202, response_model=Heard)
async def hear_webhook(
    gateway: Annotated[str, Path(examples=["sandbox"])],
    request: Request,
    handle: Handle,
    signature: Annotated[str | None, Header(alias="webhook-signature", description="See Standard Webhooks.")] = None,
) -> Any:
    """Signed by the gateway with DAYBOOK_WEBHOOK_SECRET. Its event id makes it count once, however often it comes."""
    settings, body = handle.shop.settings, await request.body()
    if gateway != settings.payment_gateway:
        raise Problem(404, "not_found", f"No gateway {gateway} is set up.")
    try:
        event_id = verified(body, request.headers, settings.webhook_secrets())
    except WebhookRefused as refused:
        raise Problem(401, "webhook_refused", f"This webhook is not taken: {refused}.") from None
    try:
        webhook = Webhook.model_validate_json(body)
    except ValidationError as error:
        raise invalid("", f"Not the shape of a webhook: {error.error_count()} fields are wrong.") from None
    if (command := _settlement(webhook.type, webhook.data)) is None:
        return Heard(outcome="ignored")
    key = hashlib.sha256(f"webhook\n{gateway}\n{event_id}".encode()).hexdigest()
    metadata = handle.metadata(type(command).__name__, f"gateway:{gateway}")
    try:
        papers = IssuePapers(command.order_id, datetime.now(UTC), settings.seller)
        done = await handle.shop.handler(
            command, papers, metadata=metadata, once=Once(key, hashlib.sha256(body).digest())
        )
    except (NotFound, AmountRefused) as refusal:
        log.error("webhook_not_ours", webhook=event_id, type=webhook.type, why=refusal.detail)
        return Heard(outcome="ignored")
    headers = {"Commit-Position": str(done.position)}
    if done.replayed is not None:
        headers["Idempotent-Replayed"] = "true"
    return Response(Heard(outcome="recorded").model_dump_json(), 202, headers, media_type="application/json")
