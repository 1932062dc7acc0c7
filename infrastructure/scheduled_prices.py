"""The clock of scheduled prices: asks the rules to start or end what is due. The reactor that works runs it."""

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
    """Asking again does no harm: the table may be behind, and the rules know what has been done."""
    now = datetime.now(UTC)
    for row in await pool.fetch(DUE_PRICES, now):
        command = KeepPriceSchedule(ProductId(row["product_id"]), Sku(row["sku"]), row["schedule_id"], now)
        with contextlib.suppress(StoreBusy, Unacknowledged, AppendRefused, Rejected):
            await handler(command, metadata=Metadata(actor, "KeepPriceSchedule"))
