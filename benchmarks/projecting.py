"""Facts projected per second: order facts into the order summary, and everything into every read table."""

import asyncio
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from eventsourcing.persistence import StoredEvent

from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.library_runner import their_rate
from benchmarks.shop_history import FACTS_PER_ORDER, write_history
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.positions import Positions
from infrastructure.projector import Projector
from projections import PROJECTIONS
from projections.order_summary import order_summary
from projections.projection import Projection

FACTS, FACTS_QUICK = 200_000, 24_000
THEIR_FACTS, THEIR_FACTS_QUICK = 5_000, 1_000
PEER = "eventsourcing 9.5, ProjectionRunner with a PostgresTrackingRecorder view, the same order facts"
FACTS_PER_S_AIM = 20_000
POOL_SIZE = 4

COUNT = "SELECT count(*) FROM facts WHERE type = ANY ($1::text[])"
THEIRS = """SELECT stream, version, type, body::text FROM facts
    WHERE type = ANY ($1::text[]) ORDER BY position LIMIT $2"""


async def measure(ground: Ground) -> list[Figure]:
    """Each run starts from empty read tables."""
    one: list[float] = []
    every: list[float] = []
    theirs: list[float] = []
    async with ground.database() as url:
        await write_history(url, (FACTS_QUICK if ground.quick else FACTS) // FACTS_PER_ORDER)
        async with open_pool(url, POOL_SIZE) as pool:
            await pool.execute("VACUUM ANALYZE")
            peers_facts = await order_facts(pool, THEIR_FACTS_QUICK if ground.quick else THEIR_FACTS)
            for _ in range(ground.runs):
                one.append(await _our_rate(url, pool, [order_summary]))
                async with ground.database() as their_url:
                    theirs.append(await asyncio.to_thread(their_rate, their_url, peers_facts))
                every.append(await _our_rate(url, pool, PROJECTIONS))
    aim = Aim("value", ">=", FACTS_PER_S_AIM)
    return [
        Figure("project_orders", "facts/s", median(one), PEER, median(theirs), aim),
        Figure("project_orders_all", "facts/s", median(every), f"{PEER}, into one table", median(theirs), aim),
    ]


async def _our_rate(url: str, pool: Pool, projections: Sequence[Projection[Any]]) -> float:
    """As a worker does it, with the cache left out: nothing is cached that nobody has asked for."""
    await pool.execute(f"TRUNCATE projections, {', '.join(projection.name for projection in PROJECTIONS)}")
    await pool.execute("CHECKPOINT")
    count: int = await pool.fetchval(COUNT, sorted(_types(projections)))
    positions = Positions()
    async with Committer(lambda: connect(url)) as committer:
        store = PostgresEventStore(pool, committer, positions)
        projector = Projector(pool, store, positions, projections, owner="benchmark")
        with rarely_collected():
            started = time.perf_counter()
            await projector.catch_up()
            return count / (time.perf_counter() - started)


async def order_facts(pool: Pool, limit: int) -> list[StoredEvent]:
    """The first of them, as the peer stores them."""
    rows = await pool.fetch(THEIRS, sorted(_types([order_summary])), limit)
    return [StoredEvent(row["stream"], row["version"], row["type"], row["body"].encode()) for row in rows]


def _types(projections: Sequence[Projection[Any]]) -> set[str]:
    return {fact.__name__ for projection in projections for fact in projection.facts}
