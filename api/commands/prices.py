"""Staff set prices: from now on, or for a time that is to come."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import AfterValidator, AwareDatetime, Field

from api.commands.catalog import prices_of, product_of_sku
from api.fields import MoneyField, SkuPath, typeid
from api.handling import Changed, Handle
from api.problems import invalid
from api.security import Staff
from api.straight import StraightRoute
from commands.handler import Done
from commands.pricing import CancelPriceSchedule, SchedulePrice
from commands.product import products
from commands.variant import ChangePrice
from events.values import Money
from infrastructure.ids import new_id

LATEST = datetime(9000, 1, 1, tzinfo=UTC)

router = APIRouter(prefix="/v1/variants/{sku}/price", tags=["catalog"], route_class=StraightRoute)


def _in_utc(time: datetime) -> datetime:
    try:
        moment = time.astimezone(UTC)
    except OverflowError:
        raise ValueError("not a time that a shop has anything to do with") from None
    if moment > LATEST:
        raise ValueError(f"should be before {LATEST:%Y}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), Field(examples=["2026-11-27T00:00:00Z"])]
SchedulePath = Annotated[str, Path(pattern=typeid("psc"), examples=["psc_01h455vb4pex5vsknk084sn02q"])]


class PriceField(MoneyField):
    """A price in one currency. With `starts_at` or `ends_at` it is scheduled; then the price before comes back."""

    compare_at: Annotated[MoneyField | None, Field(description="Shown beside it, struck through.")] = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None


class PriceSet(Changed):
    """`schedule_id` names the schedule, to cancel it; null for a price from now on."""

    schedule_id: str | None = None


@router.put("", response_model=PriceSet)
async def change_price(sku: SkuPath, body: PriceField, staff: Staff, handle: Handle) -> Response:
    """Set the price in one currency from now on, or schedule it. Every change stays in the price history.

    A schedule starts and ends by itself within seconds of its time. A price that is set while one runs ends it."""
    product_id = await product_of_sku(sku, handle)
    price, compare_at = prices_of(Money(body.amount, body.currency), body.compare_at)
    about = products(product_id)
    now = datetime.now(UTC)
    starts_at = max(body.starts_at or now, now)
    if starts_at == now and body.ends_at is None:
        return await handle(ChangePrice(sku, price, compare_at), about=about)
    if body.ends_at is not None and body.ends_at <= starts_at:
        raise invalid("/ends_at", "Should be later than the beginning, and to come.")
    schedule_id = new_id("psc")

    def answer(done: Done) -> dict[str, Any]:
        return {"id": product_id, "version": done.versions[about.stream], "schedule_id": schedule_id}

    command = SchedulePrice(sku, schedule_id, price, starts_at, body.ends_at, now, compare_at)
    return await handle(command, about=about, answer=answer)


@router.delete("/schedules/{schedule_id}", response_model=Changed)
async def cancel_price_schedule(sku: SkuPath, schedule_id: SchedulePath, staff: Staff, handle: Handle) -> Response:
    """Call off a scheduled price. If it is running, the price before comes back at once; if it has ended, or never was,
    there is nothing to do."""
    product_id = await product_of_sku(sku, handle)
    return await handle(CancelPriceSchedule(sku, schedule_id), about=products(product_id))
