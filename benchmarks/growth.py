"""Whether a large book is as fast as a small one: appends and tail reads at ten million facts against ten thousand."""

import time
from functools import partial
from statistics import median

import asyncpg

from benchmarks.appends import append_load
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import Positions

SMALL, LARGE, QUICK_LARGE = 10_000, 10_000_000, 200_000
CLIENTS = 64
PARTITION_FACTS = 1_000_000
GROWN_AT_ONCE = 500_000
STREAM_FACTS = 10
TAIL_FACTS, PAGE_FACTS = 10_000, 1_000
RATIO_AIM = 0.9
PEER = "the same at {:,} facts"

# Ten facts to a stream, as orders have. A million in a partition: more partitions than there would be, the harder case.
GROW = """INSERT INTO facts
    SELECT n, gen_random_uuid(), 'cart-' || lpad(((n - 1) / 10)::text, 30, '0'), 1 + (n - 1) % 10, 'CartLineAdded', 1,
           json_build_object('cart_id', lpad(((n - 1) / 10)::text, 30, '0'), 'sku', 'CJ-' || n % 60000, 'product_id',
                             'prd_01jd0000000000000000000000', 'quantity', 2),
           '{"actor":"usr_01jd0000000000000000000000","command":"AddToCart","request_id":"req_01jd0000000000000000000000"}',
           now(), now()
      FROM generate_series($1::bigint, $2::bigint) AS n"""
GROW_STREAMS = """INSERT INTO streams SELECT 'cart-' || lpad(n::text, 30, '0'), 10
    FROM generate_series(($1::bigint - 1) / 10, ($2::bigint - 1) / 10) AS n"""
MAKE_ROOM = """DO $$ BEGIN
    WHILE (SELECT room_to FROM head) < {} LOOP PERFORM add_partition(); END LOOP;
END $$"""


async def grow(url: str, facts: int) -> None:
    """Fill an empty book with so many facts, faster than appends would, as they would be stored."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("UPDATE head SET room_per_table = $1", PARTITION_FACTS)
        await connection.execute(MAKE_ROOM.format(facts + PARTITION_FACTS))
        for first in range(1, facts + 1, GROWN_AT_ONCE):
            last = min(first + GROWN_AT_ONCE - 1, facts)
            await connection.execute(GROW, first, last)
            await connection.execute(GROW_STREAMS, first, last)
        await connection.execute("UPDATE head SET position = $1, recorded_at = now()", facts)
        await connection.execute("VACUUM (ANALYZE)")  # as autovacuum has done in a book that grew over years
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def measure(ground: Ground) -> list[Figure]:
    """Both books side by side on one server, taking turns."""
    large = QUICK_LARGE if ground.quick else LARGE
    appends: dict[int, list[float]] = {SMALL: [], large: []}
    tails: dict[int, list[float]] = {SMALL: [], large: []}
    async with ground.database() as small_url, ground.database() as large_url:
        await grow(small_url, SMALL)
        await grow(large_url, large)
        for _ in range(ground.runs):
            for facts, url in ((SMALL, small_url), (large, large_url)):
                tails[facts].append(await _tail_rate(url))
                appends[facts].append((await append_load(url, CLIENTS, ground.seconds)).per_s)
    peer, aim = PEER.format(SMALL), Aim("ratio", ">=", RATIO_AIM)
    return [
        Figure("growth_10m", "appends/s", median(appends[large]), peer, median(appends[SMALL]), aim),
        Figure("growth_10m_tail", "facts/s", median(tails[large]), peer, median(tails[SMALL]), aim),
    ]


async def _tail_rate(url: str) -> float:
    """Facts per second of a reader who is a little behind the head, several times over."""
    async with open_pool(url, 1) as pool, Committer(partial(connect, url)) as committer:
        store = PostgresEventStore(pool, committer, Positions())
        await _read_tail(store, pool)
        began = time.perf_counter()
        rounds = 10
        for _ in range(rounds):
            await _read_tail(store, pool)
        return rounds * TAIL_FACTS / (time.perf_counter() - began)


async def _read_tail(store: PostgresEventStore, pool: Pool) -> None:
    head = await store.head()
    after = head - TAIL_FACTS
    while after < head:
        after = (await store.read_all(after, limit=PAGE_FACTS))[-1].position
