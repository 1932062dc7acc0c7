"""Which moment a report is about, where that decides what has been left alone for long."""

from datetime import UTC, datetime, timedelta

from api.times import EARLIEST
from api.wiring import Shop

IDLE = timedelta(days=1)
"""After so long a cart that nobody touches is abandoned."""


async def moment(shop: Shop, as_of: int | datetime | None) -> datetime:
    """Of a position it is when its fact was recorded; without one it is now. At least `IDLE` after the first of times.

    Raises PositionsArchived."""
    if as_of is None:
        return datetime.now(UTC)
    if isinstance(as_of, datetime):
        return max(as_of, EARLIEST + IDLE)
    last = await shop.store.stored_all(max(as_of - 1, 0), limit=1)
    return last[0].recorded_at if last else EARLIEST + IDLE
