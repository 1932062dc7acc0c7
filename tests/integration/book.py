"""Opening event stores on a real database, and judging whether the book in it is sound."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from commands.handler import Handler
from events.store import EventStore, Recorded
from infrastructure.committer import Committer
from infrastructure.database import PATIENCE_S, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import Positions
from infrastructure.snapshots import Snapshots
from tests.keys import vault

FLAWS = """
WITH numbered AS (
    SELECT position, row_number() OVER (ORDER BY position) AS place, stream, version,
           row_number() OVER (PARTITION BY stream ORDER BY position) AS step,
           recorded_at, lag(recorded_at) OVER (ORDER BY position) AS recorded_before
      FROM facts
)
SELECT 'position ' || position || ' is in place ' || place AS flaw FROM numbered WHERE position <> place
UNION ALL
SELECT stream || ' has version ' || version || ' as its fact number ' || step FROM numbered WHERE version <> step
UNION ALL
SELECT 'time goes back at position ' || position FROM numbered WHERE recorded_at < recorded_before
UNION ALL
SELECT concat(f.stream, ' or ', s.stream, ' is said to be at ', s.version, ', and is at ', f.last)
  FROM (SELECT stream, max(version) AS last FROM facts GROUP BY stream) f FULL JOIN streams s USING (stream)
 WHERE s.version IS DISTINCT FROM f.last
UNION ALL
SELECT stream || ' is settled up to ' || settled || ', and is at ' || version FROM streams WHERE settled > version
UNION ALL
SELECT 'the head is said to be at ' || position FROM head WHERE position <> (SELECT count(*) FROM facts)
"""


@asynccontextmanager
async def open_store(
    url: str,
    connect_committer: Callable[[], Awaitable[asyncpg.Connection]] | None = None,
    *,
    patience_s: float = PATIENCE_S,
) -> AsyncIterator[PostgresEventStore]:
    """A store with a committer of its own, as each process has."""
    keys = vault()
    opened = Committer(connect_committer or (lambda: connect(url)), patience_s=patience_s, vault=keys)
    async with open_pool(url, 2) as pool, opened as committer:
        yield PostgresEventStore(pool, committer, Positions(), keys)


@asynccontextmanager
async def open_handler(url: str, **options: int) -> AsyncIterator[Handler]:
    """A handler with snapshots, on a store of its own."""
    async with open_store(url) as store, open_pool(url, 2) as pool:
        states = Snapshots(pool, vault=vault())
        yield Handler(store, states, **options)
        await states.close()


async def flaws(url: str) -> list[str]:
    """What is wrong with the book: nothing, ever."""
    connection = await connect(url)
    try:
        return [row["flaw"] for row in await connection.fetch(FLAWS)]
    finally:
        await connection.close()


async def tail(store: EventStore, seen: list[Recorded], until: asyncio.Event) -> None:
    """Read on from what was seen last, as a projection does, until told to stop and nothing is left."""
    while True:
        stopping = until.is_set()
        page = await store.read_all(seen[-1].position if seen else 0, limit=50)
        seen += page
        if stopping and not page:
            return
        await asyncio.sleep(0)
