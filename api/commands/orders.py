"""Placing an order and what happens to it after."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, Field, StringConstraints

from api.carts import Cart
from api.fields import AddressField, Body, Currency, MoneyField, OrderPath, Reason, ShortText
from api.handling import Changed, Handle
from api.reading import wait_seconds
from api.security import Customer, Principal, SignedIn, Staff
from commands.checkout import PlaceOrder
from commands.handler import Done
from commands.order import CancelOrder, CompleteOrder, PaymentState, PayOrder, ShipOrder, orders
from commands.rejections import NotFound
from events.order import OrderPlaced
from events.store import StreamArchived
from events.values import OrderId, PaymentId
from infrastructure.ids import new_id
from infrastructure.positions import HEAD
from queries import order_summary

router = APIRouter(prefix="/v1/orders", tags=["orders"])

OUTCOME_POLL_S = 1.0


class NewOrder(Body):
    """The cart as it is. With `expected_total`, only if that is still what it costs."""

    expected_total: MoneyField | None = None
    currency: Annotated[Currency | None, Field(description="By default that of `expected_total`, or the shop's.")] = (
        None
    )
    ship_to: AddressField | None = None


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
            description="A token of the gateway. In the sandbox: tok_approve, tok_decline.", examples=["tok_approve"]
        ),
    ]


class PaymentStarted(BaseModel):
    order_id: str
    payment_id: str
    version: int


class Shipment(Body):
    carrier: ShortText = ""
    tracking: ShortText = ""


class Cancellation(Body):
    reason: Reason


@router.post("", status_code=201, response_model=Placed)
async def place_order(body: NewOrder, customer: Customer, cart: Cart, handle: Handle) -> Response:
    """Order what is in the cart: the order and the reservation of all its lines, or nothing.

    `409 out_of_stock` says of each line what is left; `409 price_changed` says what the total is by now.
    """
    handle.require_key()
    settings = handle.shop.settings
    expected_total = body.expected_total.value() if body.expected_total else None
    command = PlaceOrder(
        OrderId(new_id("ord")),
        customer.user_id,
        cart.cart_id,
        body.currency or (expected_total.currency if expected_total else settings.currency),
        datetime.now(UTC) + timedelta(minutes=settings.reservation_minutes),
        expected_total,
        body.ship_to.value() if body.ship_to else None,
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
    customer: SignedIn,
    handle: Handle,
    prefer: Annotated[
        str | None, Header(description="`wait=n`: answer once the gateway has, after n seconds (at most 5) anyway.")
    ] = None,
) -> Response:
    """Ask for the money. The gateway is asked after this is stored; the order tells how it went.

    With `Prefer: wait=5` the answer usually comes when that is known: `Commit-Position` then covers it."""
    handle.require_key()
    await _check_access(order_id, customer, handle)
    command = PayOrder(order_id, PaymentId(new_id("pay")), body.method)
    order = orders(order_id)
    response = await handle(
        command,
        about=order,
        status=202,
        answer=lambda done: {
            "order_id": order_id,
            "payment_id": command.payment_id,
            "version": done.versions[order.stream],
        },
    )
    if (wait_s := wait_seconds(prefer, 0)) and (position := await _outcome(order_id, handle, wait_s)):
        response.headers["Commit-Position"] = str(position)
        response.headers["ETag"] = f'"{(await handle.shop.store.versions([order.stream]))[order.stream]}"'
        response.headers["Preference-Applied"] = "wait"
    return response


@router.post("/{order_id}/cancel", response_model=Changed)
async def cancel_order(order_id: OrderPath, body: Cancellation, customer: SignedIn, handle: Handle) -> Response:
    """Before it is shipped. Reserved goods go back on sale in the same transaction; money taken is given back."""
    await _check_access(order_id, customer, handle)
    return await handle(CancelOrder(order_id, body.reason), about=orders(order_id))


@router.post("/{order_id}/ship", response_model=Changed)
async def ship_order(order_id: OrderPath, body: Shipment, staff: Staff, handle: Handle) -> Response:
    return await handle(ShipOrder(order_id, body.carrier, body.tracking), about=orders(order_id))


@router.post("/{order_id}/complete", response_model=Changed)
async def complete_order(order_id: OrderPath, staff: Staff, handle: Handle) -> Response:
    return await handle(CompleteOrder(order_id), about=orders(order_id))


async def _outcome(order_id: OrderId, handle: Handle, wait_s: float) -> int | None:
    """A position at which the payment is settled; None if that has not come about in time."""
    positions, loop = handle.shop.positions, asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while (left_s := deadline - loop.time()) > 0:
        known = positions[HEAD]
        if (await handle.shop.handler.read(orders(order_id))).payment is not PaymentState.REQUESTED:
            return await handle.shop.store.head()
        await positions.reach(HEAD, known + 1, min(left_s, OUTCOME_POLL_S))
    return None


async def _check_access(order_id: OrderId, principal: Principal, handle: Handle) -> None:
    """An order that is not yours does not exist for you."""
    if principal.is_staff:
        return
    try:
        owner: str | None = (await handle.shop.handler.read(orders(order_id))).customer_id
    except StreamArchived:
        known = await order_summary.order(handle.shop.pool, order_id)
        owner = None if known is None else known.customer_id
    if owner != principal.user_id:
        raise NotFound("order", order_id)
