"""What the benchmark of one hot article sends to PostgreSQL alone is what the shop would have sent."""

import asyncio
from uuid import uuid4

from benchmarks.hot_sku import SKU, UNITS, stocked
from benchmarks.hot_sku_limit import Scribe, stored_per_s
from commands.checkout import RecordSale
from commands.handler import Handler
from commands.stock import stocks
from events.values import DEFAULT_LOCATION, CategoryId, Line, Money, OrderId, ProductId, UserId
from infrastructure.database import open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import Positions
from infrastructure.snapshots import Snapshots
from tests.integration.book import flaws, open_handler

BUYERS, ROUNDS = 8, 3
PRICE = Money(100, "EUR")
LINE = Line(SKU, ProductId("prd_hot"), "Hot", CategoryId("cat_hot"), 1, PRICE, PRICE)


async def test_every_reservation_that_was_written_down_is_stored(own_database_url: str) -> None:
    url, scribe = own_database_url, Scribe(own_database_url)
    await stocked(url)
    async with open_pool(url, 1) as pool, scribe:
        handler = Handler(PostgresEventStore(pool, scribe, Positions()), Snapshots(pool))
        for _ in range(ROUNDS):
            sales = [RecordSale(OrderId(uuid4().hex), UserId("usr_ann"), (LINE,)) for _ in range(BUYERS)]
            await asyncio.gather(*map(handler, sales))
    assert scribe.appends == BUYERS * ROUNDS
    assert await stored_per_s(url, scribe) > 0
    async with open_handler(url) as reader:
        stock = await reader.read(stocks(SKU, DEFAULT_LOCATION))
    assert (stock.on_hand, stock.reserved) == (UNITS, BUYERS * ROUNDS)
    assert await flaws(url) == []
