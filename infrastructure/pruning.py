"""Forgets what nobody will ask for again: old idempotency keys, and processes that appended long ago."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from infrastructure.database import UNREACHABLE, Pool

FIRST_S, EVERY_S = 60.0, 3_600.0
BATCH_KEYS = 1_000
PAUSE_S = 0.05
"""Between batches, so that whoever appends waits for none but the shortest of transactions."""

# Several workers may do this at once: each takes what no other holds.
PRUNE = """DELETE FROM idempotency_keys WHERE key = ANY (ARRAY(
    SELECT key FROM idempotency_keys WHERE recorded_at < clock_timestamp() - make_interval(days => $1)
    ORDER BY recorded_at LIMIT $2 FOR UPDATE SKIP LOCKED))"""

# A batch is sent again within seconds, so what is known of a process that has been silent for a day helps nobody.
PRUNE_WRITERS = "DELETE FROM writers WHERE recorded_at < clock_timestamp() - interval '1 day'"

log = structlog.get_logger(__name__)


async def prune(pool: Pool, days: int) -> int:
    """Forget the keys that were recorded more than `days` ago; how many. Raises infrastructure.database.UNREACHABLE."""
    await pool.execute(PRUNE_WRITERS)
    forgotten = 0
    while True:
        batch = int((await pool.execute(PRUNE, days, BATCH_KEYS)).removeprefix("DELETE "))
        forgotten += batch
        if batch < BATCH_KEYS:
            return forgotten
        await asyncio.sleep(PAUSE_S)


async def keep_pruned(pool: Pool, days: int, *others: Callable[[], Awaitable[None]]) -> None:
    """Until cancelled, now and then, and `others` with it; a database that is away is tried again the next time."""
    await asyncio.sleep(FIRST_S * random.random())
    while True:
        try:
            if forgotten := await prune(pool, days):
                log.info("idempotency_keys_forgotten", keys=forgotten)
            for other in others:
                await other()
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            log.warning("pruning_interrupted", error=str(error))
        await asyncio.sleep(EVERY_S * (0.5 + random.random()))
