"""Taking goods back that had been sent."""

from functools import reduce
from operator import add
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.commands.orders import MAX_LINES, UnitsOfSku
from api.fields import Body, LocationField, MoneyField, OrderPath, Reason
from api.handling import Handle
from api.security import Staff
from api.straight import StraightRoute
from commands.handler import Done
from commands.order import orders
from commands.returning import Back, ReturnOrder
from events.order import OrderReturned
from events.values import DEFAULT_LOCATION, ReturnId
from infrastructure.ids import new_id

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=StraightRoute)


class UnitsBack(UnitsOfSku):
    restock: Annotated[bool, Field(description="Whether they can be sold again; else they are written off.")] = True


class GoodsBack(Body):
    """Of what was sent, as much as has not come back before."""

    lines: Annotated[list[UnitsBack], Field(min_length=1, max_length=MAX_LINES)]
    reason: Reason
    location: LocationField = DEFAULT_LOCATION
    refund: Annotated[
        bool | MoneyField,
        Field(description="Whether what was paid for them goes back, as far as it is still held; or how much does."),
    ] = False


class Taken(BaseModel):
    order_id: str
    return_id: str
    version: int
    worth: Annotated[MoneyField, Field(description="What was paid for these units, with tax.")]


@router.post("/{order_id}/returns", status_code=201, response_model=Taken)
async def return_goods(order_id: OrderPath, body: GoodsBack, staff: Staff, handle: Handle) -> Response:
    """Units that were sent came back: on sale again in the same transaction, or written off. With `refund`, money
    is asked back for them: the order tells how that goes, and a credit note follows.

    `409 too_many_units` says of each SKU how many can still come back."""
    handle.require_key()
    return_id, order = ReturnId(new_id("ret")), orders(order_id)
    units = tuple(Back(line.sku, line.quantity, line.restock) for line in body.lines)

    def taken(done: Done) -> dict[str, Any]:
        event = next(event for event in done.events if isinstance(event, OrderReturned))
        worth = reduce(add, (each.worth for each in event.units))
        return {
            "order_id": order_id,
            "return_id": return_id,
            "version": done.versions[order.stream],
            "worth": {"amount": worth.amount, "currency": worth.currency},
        }

    wants_refund, amount = (body.refund, None) if isinstance(body.refund, bool) else (True, body.refund.value())
    command = ReturnOrder(order_id, return_id, units, body.reason, body.location, wants_refund, amount)
    return await handle(command, about=order, status=201, answer=taken)
