"""Rebuilding the order read model: how fast, and how much memory it takes for a book of millions of facts."""

import asyncio
import time
from pathlib import Path
from statistics import median

from benchmarks.children import Child, child, environment
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.growth import make_room
from benchmarks.library_runner import their_rate
from benchmarks.projecting import (
    COUNT,
    FACTS,
    FACTS_QUICK,
    PEER,
    POOL_SIZE,
    THEIR_FACTS,
    THEIR_FACTS_QUICK,
    order_facts,
)
from benchmarks.shop_history import FACTS_PER_ORDER, write_history
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.positions import Positions
from infrastructure.projector import Projector
from infrastructure.rebuild import rebuild
from infrastructure.shares import Processes, processors, reading
from projections.order_summary import order_summary

RATIO_AIM = 50
MEMORY_AIM_MB = 400
DAY_FACTS = 12_000
DAYS, DAYS_QUICK = (84, 834), (5, 20)
"""A million facts, and ten; as `order_facts.sql` writes them."""
LIVE = "INSERT INTO projections (name) VALUES ('order_summary') ON CONFLICT DO NOTHING"
WRITE_ORDERS = (Path(__file__).parent / "order_facts.sql").read_text()


async def measure(ground: Ground) -> list[Figure]:
    """Each run builds a shadow of a table that is up to date, and puts it in that one's place."""
    ours: list[float] = []
    theirs: list[float] = []
    async with ground.database() as url:
        await write_history(url, (FACTS_QUICK if ground.quick else FACTS) // FACTS_PER_ORDER)
        async with open_pool(url, POOL_SIZE) as pool, Committer(lambda: connect(url)) as committer:
            await pool.execute("VACUUM ANALYZE")
            positions = Positions()
            store = PostgresEventStore(pool, committer, positions)
            await Projector(pool, store, positions, [order_summary], owner="benchmark").catch_up()
            peers_facts = await order_facts(pool, THEIR_FACTS_QUICK if ground.quick else THEIR_FACTS)
            for _ in range(ground.runs):
                ours.append(await _our_rate(url, pool, store))
                async with ground.database() as their_url:
                    theirs.append(await asyncio.to_thread(their_rate, their_url, peers_facts))
    return [Figure("rebuild_orders", "facts/s", median(ours), PEER, median(theirs), Aim("ratio", ">=", RATIO_AIM))]


async def measure_memory(ground: Ground) -> list[Figure]:
    """The most that `daybook projections rebuild` held, over ten times as many facts: it should be the same."""
    few, many = DAYS_QUICK if ground.quick else DAYS
    async with ground.database() as url:
        await _write_orders(url, few)
        with_few, _ = await asyncio.to_thread(_rebuilt, ground, url)
        await _write_orders(url, many)
        with_many, seconds = await asyncio.to_thread(_rebuilt, ground, url)
    aim, peer = Aim("value", "<=", MEMORY_AIM_MB), f"the same over {few * DAY_FACTS:,} facts"
    return [
        Figure("rebuild_memory", "MB", with_many.together_mb, peer, with_few.together_mb, aim),
        Figure("rebuild_memory_each", "MB", with_many.peak_mb, peer, with_few.peak_mb),
        Figure("rebuild_memory_rate", "facts/s", many * DAY_FACTS / seconds, "", None),
    ]


async def _our_rate(url: str, pool: Pool, store: PostgresEventStore) -> float:
    """As `daybook projections rebuild` does it."""
    await pool.execute("CHECKPOINT")
    count: int = await pool.fetchval(COUNT, sorted(fact.__name__ for fact in order_summary.facts))
    with rarely_collected():
        started = time.perf_counter()
        await rebuild(pool, store, order_summary, owner="benchmark", processes=Processes(processors(), reading(url)))
        return count / (time.perf_counter() - started)


async def _write_orders(url: str, days: int) -> None:
    """Bring the book to so many days of 2,000 orders each. In SQL, as fast as it goes: commands would take an hour."""
    connection = await connect(url)
    try:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(LIVE)
        await make_room(connection, days * DAY_FACTS)
        written: int = await connection.fetchval("SELECT position FROM head")
        for day in range(written // DAY_FACTS, days):
            await connection.execute(WRITE_ORDERS, day, timeout=None)
        await connection.execute("UPDATE head SET position = $1, recorded_at = now()", days * DAY_FACTS)
        await connection.execute("VACUUM ANALYZE facts", timeout=None)
    finally:
        await connection.close()


def _rebuilt(ground: Ground, url: str) -> tuple[Child, float]:
    """The command, which has ended, and how many seconds it took."""
    started = time.perf_counter()
    env = environment(ground, url)
    with child("api.cli", "projections", "rebuild", "order_summary", env=env, watched=True) as rebuilding:
        rebuilding.process.communicate()
        if rebuilding.process.returncode:
            raise RuntimeError(rebuilding.last_words())
    return rebuilding, time.perf_counter() - started
