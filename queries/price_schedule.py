"""Prices that wait for their time, and those that run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Money, Rows

OPEN_SCHEDULES = """SELECT schedule_id, amount_minor, currency, compare_at_minor, starts_at, ends_at, status
    FROM price_schedule WHERE sku = $1 AND due_at IS NOT NULL ORDER BY starts_at, schedule_id"""


@dataclass(frozen=True, slots=True)
class PriceSchedule:
    """`status` is scheduled or running. Without `ends_at` the price stays once it has started."""

    schedule_id: str
    price: Money
    compare_at: Money | None
    starts_at: datetime
    ends_at: datetime | None
    status: str


async def open_schedules(rows: Rows, sku: str) -> list[PriceSchedule]:
    return [_from_row(row) for row in await rows.fetch(OPEN_SCHEDULES, sku)]


def _from_row(row: Any) -> PriceSchedule:
    schedule_id, amount_minor, currency, compare_at_minor, starts_at, ends_at, status = row
    compare_at = None if compare_at_minor is None else Money(compare_at_minor, currency)
    return PriceSchedule(schedule_id, Money(amount_minor, currency), compare_at, starts_at, ends_at, status)
