"""Who needs the exact version of a stream gets a turn, though others write to it all the time without one."""

import asyncio
from uuid import uuid4

from commands.checkout import RecordSale
from commands.handler import Handler
from commands.stock import ReceiveStock, stocks
from events.claim import NameClaimed
from events.stock import StockReceived
from events.store import Append
from events.values import DEFAULT_LOCATION, CategoryId, Line, Money, OrderId, ProductId, Sku, UserId
from tests.integration.book import flaws, open_handler, open_store

BUYERS, RECEIPTS, UNITS = 32, 3, 1_000_000
PRICE = Money(100, "EUR")


async def test_goods_are_received_while_processes_sell_as_fast_as_they_can(own_database_url: str) -> None:
    url, sku, sold, stop = own_database_url, Sku("HOT"), 0, asyncio.Event()
    line = Line(sku, ProductId("prd_hot"), "Hot", CategoryId("cat_hot"), 1, PRICE, PRICE)

    async def buyer(handler: Handler) -> None:
        nonlocal sold
        while not stop.is_set():
            await handler(RecordSale(OrderId(uuid4().hex), UserId("usr_ann"), (line,)))
            sold += 1

    async with open_store(url) as store, open_handler(url) as one, open_handler(url) as two:
        await store.append(Append([NameClaimed(f"sku:{sku}", "prd_hot"), StockReceived(sku, UNITS)]))
        buyers = [asyncio.create_task(buyer(handler)) for handler in (one, two) for _ in range(BUYERS)]
        while sold < BUYERS * 4:
            await asyncio.sleep(0.01)
        before = sold
        for n in range(RECEIPTS):
            await (one, two)[n % 2](ReceiveStock(sku, 1))
        assert sold > before
        stop.set()
        await asyncio.gather(*buyers)
        stock = await one.read(stocks(sku, DEFAULT_LOCATION))
    assert (stock.on_hand, stock.reserved) == (UNITS + RECEIPTS, sold)
    assert await flaws(url) == []
