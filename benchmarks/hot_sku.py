"""Everyone wants the same article: reservations per second of ONE sku, beside plain SQL on a connection pool."""

from functools import partial

from benchmarks.figures import Figure
from benchmarks.ground import Ground
from benchmarks.load import Load, typical, under_load
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

BUYERS = 256
UNITS = 100_000_000
SKU = Sku("CJ-1043128")
OUR_POOL_SIZE, THEIR_POOL_SIZE = 10, 16
PEER = "asyncpg, 16 connections, one transaction each of UPDATE ... WHERE available >= 1 and an INSERT"

TABLES = """
CREATE TABLE stock (sku text PRIMARY KEY, available bigint NOT NULL);
CREATE TABLE reservation (order_id text PRIMARY KEY, sku text NOT NULL, quantity integer NOT NULL, at timestamptz);
"""
TAKE = "UPDATE stock SET available = available - 1 WHERE sku = $1 AND available >= 1"
RESERVE = "INSERT INTO reservation (order_id, sku, quantity, at) VALUES ($1, $2, 1, now())"


async def measure(ground: Ground) -> list[Figure]:
    """256 buyers at once, each a new order for one unit, again and again."""
    ours: list[Load] = []
    theirs: list[Load] = []
    for _ in range(ground.runs):
        async with ground.database() as url:
            ours.append(await _our_load(url, ground.seconds))
        async with ground.database(migrated=False) as url:
            theirs.append(await _their_load(url, ground.seconds))
    our, their = typical(ours), typical(theirs)
    return [
        Figure("hot_sku_256", "reservations/s", our.per_s, PEER, their.per_s),
        Figure("hot_sku_256_p99", "ms", our.p99_ms, PEER, their.p99_ms),
    ]


async def _our_load(url: str, seconds: float) -> Load:
    price = Money(1_999, "EUR")
    line = Line(SKU, ProductId(new_id("prd")), "The one that all want", CategoryId(new_id("cat")), 1, price, price)
    customer = UserId(new_id("usr"))
    async with open_pool(url, OUR_POOL_SIZE) as pool, Committer(partial(connect, url)) as committer:
        store = PostgresEventStore(pool, committer, Positions())
        await store.append(Append([StockReceived(SKU, UNITS)]))
        handler = Handler(store)

        async def reserve(buyer: int) -> None:
            metadata = Metadata(customer, "RecordSale", new_id("req"))
            done = await handler(RecordSale(OrderId(new_id("ord")), customer, (line,)), metadata=metadata)
            assert len(done.events) == 2  # OrderPlaced and StockReserved

        with rarely_collected():
            return await under_load(BUYERS, seconds, reserve)


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
