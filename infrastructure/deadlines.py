"""What falls due by the clock, as the rules see it: orders that nobody paid, and scheduled prices."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from commands import Command
from commands.handler import Handler
from commands.order_life import PAYMENT_GRACE, LapseOrder
from commands.pricing import KeepPriceSchedule
from commands.rejections import Rejected
from events.store import AppendRefused, Metadata, StoreBusy, StreamArchived, Unacknowledged
from events.values import OrderId, ProductId, Sku
from infrastructure.database import UNREACHABLE, Pool

EVERY_S = 1.0
ACTOR = "system:deadlines"

LAPSED_ORDERS = """SELECT order_id FROM order_summary
    WHERE status = 'PENDING' AND lapses_at <=
        CASE WHEN payment IN ('REQUESTED', 'ACTION_REQUIRED') THEN $2::timestamptz ELSE $1 END
    ORDER BY lapses_at LIMIT 1000"""
DUE_PRICES = """SELECT product_id, sku, schedule_id FROM price_schedule
    WHERE due_at <= $1 ORDER BY due_at LIMIT 1000"""

log = structlog.get_logger(__name__)


async def keep_deadlines(pool: Pool, handler: Handler, is_ours: Callable[[], bool]) -> None:
    """Until cancelled, while `is_ours`: one worker is enough. A database that is away is waited for."""
    while True:
        try:
            if is_ours():
                await _keep(pool, handler)
        except UNREACHABLE as error:
            log.warning("deadlines_interrupted", error=str(error))
        except Exception:
            log.exception("deadlines_interrupted")
        await asyncio.sleep(EVERY_S)


async def _keep(pool: Pool, handler: Handler) -> None:
    now = datetime.now(UTC)
    lapsed = await pool.fetch(LAPSED_ORDERS, now, now - PAYMENT_GRACE)
    prices = await pool.fetch(DUE_PRICES, now)
    due: list[Command] = [LapseOrder(OrderId(order_id), now) for (order_id,) in lapsed]
    due += [KeepPriceSchedule(ProductId(product_id), Sku(sku), schedule, now) for product_id, sku, schedule in prices]

    async def ask(command: Command) -> None:
        """Asking again does no harm: the tables may be behind, and the rules know what has been done."""
        with contextlib.suppress(StoreBusy, Unacknowledged, AppendRefused, StreamArchived, Rejected):
            await handler(command, metadata=Metadata(ACTOR, type(command).__name__))

    # Many prices change at the same midnight: asked for side by side they travel in few batches.
    await asyncio.gather(*map(ask, due))
