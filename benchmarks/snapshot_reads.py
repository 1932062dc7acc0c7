"""What a decision waits for a long stream that is not in memory, beside a stream of a hundred facts."""

import asyncio
import time
from functools import partial
from statistics import median
from typing import NamedTuple

from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from commands.decider import Ref
from commands.handler import Handler
from commands.stock import Stock, stocks
from events import Event
from events.stock import StockCommitted, StockReceived, StockReserved
from events.store import Append, Metadata
from events.values import DEFAULT_LOCATION, OrderId, Sku
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.ids import new_id
from infrastructure.positions import Positions
from infrastructure.snapshots import KEPT_EVERY, REPLAYED_MAX, Snapshots

SHORT, LONG, LONG_QUICK = 100, 100_000, 10_000
FACTS_PER_APPEND = 1_000
READS, READS_QUICK = 300, 50
PEER = "a stream of 100 facts, read the same way in turns with ours"


KEPT_VERSION = "SELECT version FROM snapshots WHERE stream = $1"
VERSION = "SELECT version FROM streams WHERE stream = $1"


class _Run(NamedTuple):
    """Milliseconds of one reading."""

    short: float
    after_reading: float
    after_heat: float
    whole: float


async def measure(ground: Ground) -> list[Figure]:
    """Each run in a new book."""
    runs: list[_Run] = []
    for _ in range(ground.runs):
        async with ground.database() as url, open_pool(url, 2) as pool, Committer(partial(connect, url)) as committer:
            with rarely_collected():
                runs.append(await _run(pool, PostgresEventStore(pool, committer, Positions()), ground.quick))
    typical = _Run(*map(median, zip(*runs, strict=True)))
    return [
        Figure("snapshot_read", "ms", typical.after_reading, PEER, typical.short, Aim("ratio", "<=", 2)),
        Figure("snapshot_read_after_heat", "ms", typical.after_heat, PEER, typical.short),
        Figure("snapshot_read_without", "ms", typical.whole, PEER, typical.short),
    ]


async def _run(pool: Pool, store: PostgresEventStore, quick: bool) -> _Run:
    short, long = (stocks(f"CJ-{name}", DEFAULT_LOCATION) for name in ("short", "long"))
    reads = READS_QUICK if quick else READS
    await _append(store, short, SHORT)
    await _append(store, long, (LONG_QUICK if quick else LONG) - KEPT_EVERY)
    whole_ms = await _until_kept(pool, store, long)
    await _append(store, long, KEPT_EVERY)
    _, after_heat_ms = await _in_turns(pool, store, short, long, reads)
    await _until_kept(pool, store, long)
    await _append(store, long, REPLAYED_MAX)
    short_ms, after_reading_ms = await _in_turns(pool, store, short, long, reads)
    return _Run(short_ms, after_reading_ms, after_heat_ms, whole_ms)


async def _append(store: PostgresEventStore, ref: Ref[Stock], facts: int) -> None:
    """Units come in, are reserved and leave, one at a time."""
    sku = Sku(ref.stream.removeprefix("stock-").removesuffix(f"@{DEFAULT_LOCATION}"))
    while facts:
        order = OrderId(new_id("ord"))
        once: list[Event] = [StockReceived(sku, 2), StockReserved(sku, order, 1), StockCommitted(sku, order, 1)]
        events = (once * FACTS_PER_APPEND)[: min(facts, FACTS_PER_APPEND)]
        await store.append(Append(events, metadata=Metadata(new_id("usr"), "RecordSale", new_id("req"))))
        facts -= len(events)


async def _until_kept(pool: Pool, store: PostgresEventStore, ref: Ref[Stock]) -> float:
    """Read as a shop does, and wait until that has left a snapshot of the newest version. Milliseconds of the read."""
    states = Snapshots(pool)
    elapsed_ms = await _read(store, states, ref)
    async with asyncio.timeout(30):
        while await pool.fetchval(KEPT_VERSION, ref.stream) != await pool.fetchval(VERSION, ref.stream):
            await asyncio.sleep(0.05)
    await states.close()
    return elapsed_ms


async def _in_turns(
    pool: Pool, store: PostgresEventStore, short: Ref[Stock], long: Ref[Stock], reads: int
) -> tuple[float, float]:
    states = Snapshots(pool)
    await states.close()  # it reads on and keeps nothing, so that the tail stays as long as it is
    times = [(await _read(store, states, short), await _read(store, states, long)) for _ in range(reads)]
    short_ms, long_ms = zip(*times, strict=True)
    return median(short_ms), median(long_ms)


async def _read(store: PostgresEventStore, states: Snapshots, ref: Ref[Stock]) -> float:
    """Milliseconds, by a handler that has just been made."""
    handler, started = Handler(store, states), time.perf_counter()
    stock = await handler.read(ref)
    elapsed_ms = (time.perf_counter() - started) * 1_000
    assert stock.on_hand > 0
    return elapsed_ms
