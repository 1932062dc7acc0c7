"""Placing an order and what happens to it after."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, EmailStr, Field, StringConstraints
from pydantic_core import from_json, to_json

from api.carts import Cart
from api.fields import (
    AddressField,
    Body,
    CouponCode,
    Currency,
    MoneyField,
    OrderPath,
    Reason,
    ShortText,
    SkuField,
    Slug,
)
from api.fields import Units as UnitsField
from api.handling import Changed, Handle
from api.order_access import WhoAsks, check_access
from api.problems import invalid
from api.reading import wait_seconds
from api.security import TOKEN_MAY_BE_SENT, Shopper, Staff
from api.straight import StraightRoute
from api.wiring import Shop
from commands.checkout import PlaceOrder
from commands.decider import Ref
from commands.handler import Done
from commands.money import PaymentState
from commands.order import Order, orders
from commands.order_life import CancelOrder, CompleteOrder, ShipOrder, Units
from commands.paper import IssuePapers
from commands.payment import PayOrder
from commands.sending import Watched
from commands.states import Known
from events.order import OrderPlaced
from events.values import GUEST, OrderId, PaymentId, UserId
from infrastructure.ids import new_id

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=StraightRoute)

FIRST_LOOK_S, LAST_LOOK_S = 0.05, 0.4
MAX_LINES = 1_000


class NewOrder(Body):
    """The cart as it is. With `expected_total`, only if that is still what it costs, all in all."""

    expected_total: MoneyField | None = None
    currency: Annotated[Currency | None, Field(description="By default that of `expected_total`, or the shop's.")] = (
        None
    )
    ship_to: AddressField | None = None
    bill_to: Annotated[AddressField | None, Field(description="If it is another one.")] = None
    shipping_method: Annotated[Slug | None, Field(description="May be left out if there is one only.")] = None
    coupon: Annotated[CouponCode | None, Field(description="Instead of the cart's.")] = None
    email: Annotated[EmailStr | None, Field(max_length=254, description="A guest must say where to write to.")] = None


class Placed(BaseModel):
    order_id: str
    version: int
    status: str
    total: MoneyField
    lapses_at: Annotated[datetime, Field(description="Pay by then; after it the goods go back on sale.")]


class Payment(Body):
    method: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$"),
        Field(
            description="A token of the gateway. Those of the sandbox are in docs/payments.md.",
            examples=["tok_approve"],
        ),
    ]
    capture: Annotated[
        bool, Field(description="Without it the money is only set aside, and staff take it by `capture`.")
    ] = True


class PaymentStarted(BaseModel):
    order_id: str
    payment_id: str
    version: int
    payment: Annotated[
        str | None,
        Field(
            description="With `Prefer: wait`, what has come of it, as `payment` of the order.", examples=["CAPTURED"]
        ),
    ] = None


class UnitsOfSku(Body):
    sku: SkuField
    quantity: UnitsField


class Shipment(Body):
    """A parcel. Without `lines` it holds all that has not been sent yet."""

    carrier: ShortText = ""
    tracking: ShortText = ""
    lines: Annotated[list[UnitsOfSku], Field(max_length=MAX_LINES)] = Field(default_factory=list)


class Cancellation(Body):
    reason: Reason


@router.post("", status_code=201, response_model=Placed, openapi_extra=TOKEN_MAY_BE_SENT)
async def place_order(body: NewOrder, customer: Shopper, cart: Cart, handle: Handle) -> Response:
    """Order what is in the cart: the order, the reservation of all its lines and the coupon, or nothing.

    A guest sends the `X-Cart-Token` and an `email`, and sees the order later with the same token. `409 out_of_stock`
    says of each line what is left; `409 price_changed` says what the total is by now."""
    handle.require_key()
    if customer is None:
        cart.require_existing()
        if body.email is None:
            raise invalid("/email", "A guest must say where to write to.", "missing")
    settings, now = handle.shop.settings, datetime.now(UTC)
    expected_total = body.expected_total.value() if body.expected_total else None
    command = PlaceOrder(
        OrderId(new_id("ord")),
        customer.user_id if customer else UserId(new_id(GUEST)),
        cart.cart_id,
        body.currency or (expected_total.currency if expected_total else settings.currency),
        now + timedelta(minutes=settings.reservation_minutes),
        expected_total,
        body.ship_to.value() if body.ship_to else None,
        body.shipping_method,
        body.coupon,
        now,
        body.bill_to.value() if body.bill_to else None,
        body.email,
    )
    order = orders(command.order_id)

    def placed(done: Done) -> dict[str, Any]:
        event = next(event for event in done.events if isinstance(event, OrderPlaced))
        return {
            "order_id": event.order_id,
            "version": done.versions[order.stream],
            "status": "PENDING",
            "total": {"amount": event.total.amount, "currency": event.total.currency},
            "lapses_at": event.lapses_at,
        }

    return await handle(command, about=order, status=201, answer=placed, location=f"/v1/orders/{command.order_id}")


@router.post("/{order_id}/pay", status_code=202, response_model=PaymentStarted)
async def pay_order(
    order_id: OrderPath,
    body: Payment,
    who: WhoAsks,
    handle: Handle,
    prefer: Annotated[
        str | None, Header(description="`wait=n`: answer once the gateway has, after n seconds (at most 5) anyway.")
    ] = None,
) -> Response:
    """Ask for the money. The gateway is asked after this is stored; the order tells how it went.

    With `Prefer: wait=5` the answer usually comes when that is known: `Commit-Position` then covers it."""
    handle.require_key()
    await check_access(order_id, who, handle)
    command = PayOrder(order_id, PaymentId(new_id("pay")), body.method, body.capture)
    order = orders(order_id)
    wait_s = wait_seconds(prefer, 0)
    with handle.shop.handler.watching(order) as watched:
        response = await handle(
            command,
            IssuePapers(order_id, datetime.now(UTC), handle.shop.settings.seller),  # nothing may be left to be paid
            about=order,
            status=202,
            answer=lambda done: {
                "order_id": order_id,
                "payment_id": command.payment_id,
                "version": done.versions[order.stream],
            },
        )
        outcome = await _outcome(order, watched, handle.shop, wait_s) if wait_s else None
    if outcome is None:
        return response
    (version, state), position = outcome
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    headers |= {"commit-position": str(position), "etag": f'"{version}"', "preference-applied": "wait"}
    said = from_json(bytes(response.body)) | {"payment": state.payment, "version": version}
    return Response(to_json(said), response.status_code, headers)


@router.post("/{order_id}/cancel", response_model=Changed)
async def cancel_order(order_id: OrderPath, body: Cancellation, who: WhoAsks, handle: Handle) -> Response:
    """Before it is shipped. Reserved goods go back on sale in the same transaction; money taken is given back."""
    await check_access(order_id, who, handle)
    return await handle(CancelOrder(order_id, body.reason), about=orders(order_id))


@router.post("/{order_id}/ship", response_model=Changed)
async def ship_order(order_id: OrderPath, body: Shipment, staff: Staff, handle: Handle) -> Response:
    """Send a parcel. With `lines`, the rest goes later; the order is SHIPPED when nothing is left to be sent.

    `409 too_many_units` says of each SKU how much is left. With `lines` an `Idempotency-Key` is needed."""
    if body.lines:
        handle.require_key()
    units = tuple(Units(line.sku, line.quantity) for line in body.lines)
    return await handle(ShipOrder(order_id, body.carrier, body.tracking, units), about=orders(order_id))


@router.post("/{order_id}/complete", response_model=Changed)
async def complete_order(order_id: OrderPath, staff: Staff, handle: Handle) -> Response:
    return await handle(CompleteOrder(order_id), about=orders(order_id))


async def _outcome(order: Ref[Order], watched: Watched, shop: Shop, wait_s: float) -> tuple[Known, int] | None:
    """The order once its payment is settled, and the position of that; None if it has not come about in time.

    Told at once if it is settled in this process; what another one does is looked for, less and less often."""
    loop = asyncio.get_running_loop()
    deadline, pause_s = loop.time() + wait_s, FIRST_LOOK_S
    known, position = watched.known, watched.position
    while True:
        if known is None:  # nothing was told, so the book is asked
            known, position = await shop.handler.known(order), await shop.store.head()
        if known.state.payment is not PaymentState.REQUESTED:
            return known, position
        if (left_s := deadline - loop.time()) <= 0:
            return None
        watched.moved.clear()
        try:
            async with asyncio.timeout(min(left_s, pause_s)):
                await watched.moved.wait()
            known, position = watched.known, watched.position
        except TimeoutError:
            known, pause_s = None, min(LAST_LOOK_S, pause_s * 2)
