"""Prices that wait for their time, and when something is due about them."""

from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.product import PriceScheduleCancelled, PriceScheduled, PriceScheduleEnded, PriceScheduleStarted
from events.store import Fact
from projections.projection import Key, Projection

ScheduleFact = PriceScheduled | PriceScheduleStarted | PriceScheduleEnded | PriceScheduleCancelled


class PriceScheduleRow(NamedTuple):
    schedule_id: str
    product_id: str
    sku: str
    amount_minor: int
    currency: str
    compare_at_minor: int | None
    starts_at: datetime
    ends_at: datetime | None
    status: str
    due_at: datetime | None
    """When it is to be started or ended; None once nothing is left to do."""


def evolve(row: PriceScheduleRow | None, fact: Fact[ScheduleFact], key: Key) -> PriceScheduleRow | None:
    event = fact.event
    if isinstance(event, PriceScheduled):
        return PriceScheduleRow(
            event.schedule_id,
            event.product_id,
            event.sku,
            event.price.amount,
            event.price.currency,
            event.compare_at.amount if event.compare_at else None,
            event.starts_at,
            event.ends_at,
            "scheduled",
            event.starts_at,
        )
    if row is None:
        return None
    match event:
        case PriceScheduleStarted():
            return row._replace(status="running", due_at=row.ends_at)
        case PriceScheduleEnded():
            return row._replace(status="ended", due_at=None)
        case PriceScheduleCancelled():
            return row._replace(status="cancelled", due_at=None)
        case _:
            assert_never(event)


price_schedule = Projection(
    "price_schedule",
    PriceScheduleRow,
    ("schedule_id",),
    get_args(ScheduleFact),
    lambda event: [(event.schedule_id,)],
    evolve,
)
