"""Staff book goods in, and set the book right after a count."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from api.fields import MAX_UNITS, Body, Reason, ShortText, SkuPath, Units
from api.handling import Changed, Handle
from api.security import Staff
from commands.stock import AdjustStock, ReceiveStock, stocks
from events.values import DEFAULT_LOCATION

router = APIRouter(prefix="/v1/stock", tags=["stock"])


class Receipt(Body):
    quantity: Units
    reference: ShortText = ""


class Adjustment(Body):
    delta: Annotated[
        int, Field(strict=True, ge=-MAX_UNITS, le=MAX_UNITS, description="Units more (or fewer, if negative).")
    ]
    reason: Reason


@router.post("/{sku}/receipts", status_code=201, response_model=Changed)
async def receive_stock(sku: SkuPath, body: Receipt, staff: Staff, handle: Handle) -> Response:
    handle.require_key()
    command = ReceiveStock(sku, body.quantity, body.reference)
    return await handle(command, about=stocks(sku, DEFAULT_LOCATION), status=201)


@router.post("/{sku}/adjustments", status_code=201, response_model=Changed)
async def adjust_stock(sku: SkuPath, body: Adjustment, staff: Staff, handle: Handle) -> Response:
    """Refused if it would take away what is reserved."""
    handle.require_key()
    command = AdjustStock(sku, body.delta, body.reason)
    return await handle(command, about=stocks(sku, DEFAULT_LOCATION), status=201)
