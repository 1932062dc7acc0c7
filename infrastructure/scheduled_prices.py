"""The clock of scheduled prices: asks the rules to start or end what is due. The reactor that works runs it."""

import asyncio
import contextlib
from datetime import UTC, datetime

from commands.handler import Handler
from commands.pricing import KeepPriceSchedule
from commands.rejections import Rejected
from events.store import AppendRefused, Metadata, StoreBusy, Unacknowledged
from events.values import ProductId, Sku
from infrastructure.database import Pool

DUE_PRICES = """SELECT product_id, sku, schedule_id FROM price_schedule
    WHERE due_at <= $1 ORDER BY due_at LIMIT 1000"""


async def keep_schedules(pool: Pool, handler: Handler, actor: str) -> None:
    """Asking again does no harm: the table may be behind, and the rules know what has been done.

    Many prices change at the same midnight, so they are asked for side by side and travel in few batches."""
    now = datetime.now(UTC)

    async def keep(product_id: str, sku: str, schedule_id: str) -> None:
        command = KeepPriceSchedule(ProductId(product_id), Sku(sku), schedule_id, now)
        with contextlib.suppress(StoreBusy, Unacknowledged, AppendRefused, Rejected):
            await handler(command, metadata=Metadata(actor, "KeepPriceSchedule"))

    await asyncio.gather(*(keep(*row) for row in await pool.fetch(DUE_PRICES, now)))
