"""Everyone wants the same article: reservations per second of ONE sku, beside plain SQL on a connection pool.

`python -m benchmarks.hot_sku URL BEGIN SECONDS` is one of several processes of buyers.
"""

import asyncio
import json
import os
import sys
import time
from contextlib import ExitStack
from functools import partial
from statistics import median

import uvloop

from benchmarks.children import child
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.hot_sku_limit import LIMIT, Scribe, stored_per_s
from benchmarks.load import WARM_UP_S, Load, latencies_under_load, summed_up, typical, under_load
from commands.checkout import RecordSale
from commands.handler import Handler
from events.stock import StockReceived
from events.store import Append, Metadata
from events.values import CategoryId, Line, Money, OrderId, ProductId, Sku, UserId
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.ids import new_id
from infrastructure.positions import Positions
from infrastructure.snapshots import Snapshots

BUYERS = 256
UNITS = 100_000_000
SKU = Sku("CJ-1043128")
PROCESSES = 4
STARTING_S = 10.0
RATIO_AIM, RATIO_AIM_OF_4, P99_AIM_OF_4_MS = 12.0, 8.0, 150.0
OUR_POOL_SIZE, THEIR_POOL_SIZE = 10, 16
PEER = "asyncpg, 16 connections, one transaction each of UPDATE ... WHERE available >= 1 and an INSERT"

TABLES = """
CREATE TABLE stock (sku text PRIMARY KEY, available bigint NOT NULL);
CREATE TABLE reservation (order_id text PRIMARY KEY, sku text NOT NULL, quantity integer NOT NULL, at timestamptz);
"""
TAKE = "UPDATE stock SET available = available - 1 WHERE sku = $1 AND available >= 1"
RESERVE = "INSERT INTO reservation (order_id, sku, quantity, at) VALUES ($1, $2, 1, now())"


async def measure(ground: Ground) -> list[Figure]:
    """256 buyers at once, each a new order for one unit, again and again; in one process, and in four."""
    ours: list[Load] = []
    of_four: list[Load] = []
    theirs: list[Load] = []
    limits: list[float] = []
    for _ in range(ground.runs):
        async with ground.database() as url:
            await stocked(url)
            ours.append(await _load_of_one(url, ground.seconds, Committer(partial(connect, url))))
        async with ground.database() as url:
            await stocked(url)
            scribe = Scribe(url)
            await _load_of_one(url, ground.seconds, scribe)
            limits.append(await stored_per_s(url, scribe))
        async with ground.database() as url:
            await stocked(url)
            of_four.append(await asyncio.to_thread(_load_of_processes, url, ground.seconds))
        async with ground.database(migrated=False) as url:
            theirs.append(await _their_load(url, ground.seconds))
    our, four, their = typical(ours), typical(of_four), typical(theirs)
    return [
        Figure("hot_sku_256", "reservations/s", our.per_s, PEER, their.per_s, Aim("ratio", ">=", RATIO_AIM)),
        Figure("hot_sku_256_limit", "reservations/s", our.per_s, LIMIT, median(limits)),
        Figure("hot_sku_256_p99", "ms", our.p99_ms, PEER, their.p99_ms),
        Figure("hot_sku_4", "reservations/s", four.per_s, PEER, their.per_s, Aim("ratio", ">=", RATIO_AIM_OF_4)),
        Figure("hot_sku_4_p99", "ms", four.p99_ms, PEER, their.p99_ms, Aim("value", "<=", P99_AIM_OF_4_MS)),
    ]


async def stocked(url: str) -> None:
    async with open_pool(url, 1) as pool, Committer(partial(connect, url)) as committer:
        await PostgresEventStore(pool, committer, Positions()).append(Append([StockReceived(SKU, UNITS)]))


async def _load_of_one(url: str, seconds: float, committer: Committer) -> Load:
    begin = time.perf_counter() + WARM_UP_S
    return summed_up(await _latencies_s(url, committer, BUYERS, begin, seconds), seconds)


async def _latencies_s(url: str, committer: Committer, buyers: int, begin: float, seconds: float) -> list[float]:
    """Of one process's buyers, each of whom orders again as soon as the last order is answered."""
    price = Money(1_999, "EUR")
    line = Line(SKU, ProductId(new_id("prd")), "The one that all want", CategoryId(new_id("cat")), 1, price, price)
    customer = UserId(new_id("usr"))
    async with open_pool(url, OUR_POOL_SIZE) as pool, committer:
        states = Snapshots(pool)
        handler = Handler(PostgresEventStore(pool, committer, Positions()), states)

        async def reserve(buyer: int) -> None:
            metadata = Metadata(customer, "RecordSale", new_id("req"))
            done = await handler(RecordSale(OrderId(new_id("ord")), customer, (line,)), metadata=metadata)
            assert len(done.events) == 2  # OrderPlaced and StockReserved

        with rarely_collected():
            latencies_s = await latencies_under_load(buyers, begin, seconds, reserve)
        await states.close()
    return latencies_s


def _load_of_processes(url: str, seconds: float) -> Load:
    begin = time.perf_counter() + STARTING_S  # a clock that all processes of a machine share
    arguments = url, str(begin), str(seconds)
    with ExitStack() as stack:
        env = dict(os.environ)
        buying = [stack.enter_context(child("benchmarks.hot_sku", *arguments, env=env)) for _ in range(PROCESSES)]
        latencies_s = [each for one in buying for each in json.loads(one.process.communicate()[0])]
    return summed_up(latencies_s, seconds)


async def _their_load(url: str, seconds: float) -> Load:
    async with open_pool(url, THEIR_POOL_SIZE) as pool:
        await pool.execute(TABLES)
        await pool.execute("INSERT INTO stock VALUES ($1, $2)", SKU, UNITS)

        async def reserve(buyer: int) -> None:
            order_id = new_id("ord")
            async with pool.acquire() as connection, connection.transaction():
                taken = await connection.execute(TAKE, SKU)
                assert taken == "UPDATE 1"
                await connection.execute(RESERVE, order_id, SKU)

        with rarely_collected():
            return await under_load(BUYERS, seconds, reserve)


if __name__ == "__main__":
    _url, _begin, _seconds = sys.argv[1:]
    _committer = Committer(partial(connect, _url))
    _each_s = uvloop.run(_latencies_s(_url, _committer, BUYERS // PROCESSES, float(_begin), float(_seconds)))
    # Buffered, also under PYTHONUNBUFFERED: more than a pipe holds, and the processes are read one after the other.
    with open(sys.stdout.fileno(), "w", closefd=False) as _out:
        json.dump(_each_s, _out)
