"""Staff book goods in, move them, set the book right after a count, and say when they want to be told."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.fields import MAX_UNITS, Body, LocationField, Reason, ShortText, SkuPath, Units
from api.handling import Changed, Handle
from api.problems import invalid
from api.security import Staff
from api.straight import StraightRoute
from commands.handler import Done
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, TransferStock, stocks
from events.values import DEFAULT_LOCATION

router = APIRouter(tags=["stock"], route_class=StraightRoute)


class Receipt(Body):
    quantity: Units
    reference: ShortText = ""
    location: LocationField = DEFAULT_LOCATION


class Adjustment(Body):
    delta: Annotated[
        int, Field(strict=True, ge=-MAX_UNITS, le=MAX_UNITS, description="Units more (or fewer, if negative).")
    ]
    reason: Reason
    location: LocationField = DEFAULT_LOCATION


class Transfer(Body):
    quantity: Units
    origin: LocationField = DEFAULT_LOCATION
    destination: LocationField
    reason: ShortText = ""


class Threshold(Body):
    threshold: Annotated[
        int | None,
        Field(strict=True, ge=0, le=MAX_UNITS, description="Low is what has no more units available; null: none is."),
    ]
    location: LocationField = DEFAULT_LOCATION


class Transferred(BaseModel):
    """Both stocks, each with the version it is at now."""

    id: str
    version: int
    destination_id: str
    destination_version: int


@router.post("/v1/stock/{sku}/receipts", status_code=201, response_model=Changed)
async def receive_stock(sku: SkuPath, body: Receipt, staff: Staff, handle: Handle) -> Response:
    handle.require_key()
    command = ReceiveStock(sku, body.quantity, body.reference, body.location)
    return await handle(command, about=stocks(sku, body.location), status=201)


@router.post("/v1/stock/{sku}/adjustments", status_code=201, response_model=Changed)
async def adjust_stock(sku: SkuPath, body: Adjustment, staff: Staff, handle: Handle) -> Response:
    """Refused if it would take away what is reserved."""
    handle.require_key()
    command = AdjustStock(sku, body.delta, body.reason, body.location)
    return await handle(command, about=stocks(sku, body.location), status=201)


@router.post("/v1/stock/{sku}/transfers", status_code=201, response_model=Transferred)
async def transfer_stock(sku: SkuPath, body: Transfer, staff: Staff, handle: Handle) -> Response:
    """From one location to another, in one transaction. Refused if there are not so many that nobody has reserved."""
    handle.require_key()
    if body.origin == body.destination:
        raise invalid("/destination", "goods that are transferred go somewhere else")
    origin, destination = stocks(sku, body.origin), stocks(sku, body.destination)

    def transferred(done: Done) -> dict[str, Any]:
        return {
            "id": f"{sku}@{body.origin}",
            "version": done.versions[origin.stream],
            "destination_id": f"{sku}@{body.destination}",
            "destination_version": done.versions[destination.stream],
        }

    command = TransferStock(sku, body.quantity, body.origin, body.destination, body.reason)
    return await handle(command, about=origin, status=201, answer=transferred)


@router.put("/v1/stock/{sku}/threshold", response_model=Changed)
async def set_threshold(sku: SkuPath, body: Threshold, staff: Staff, handle: Handle) -> Response:
    """When no more than so many units are available, `StockRanLow` is written into the book, once, in the transaction
    that took them there (a checkout, say); when they are more again, `StockRecovered`."""
    command = SetThreshold(sku, body.threshold, body.location)
    return await handle(command, about=stocks(sku, body.location))
