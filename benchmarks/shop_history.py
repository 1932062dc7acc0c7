"""A book full of orders to project: made by the real commands, so that every fact has its real shape and place."""

import asyncio
from collections.abc import Sequence
from functools import partial

from commands import Command
from commands.checkout import RecordSale
from commands.handler import Handler
from commands.order_life import CompleteOrder, ShipOrder
from commands.payment import PayOrder
from commands.settlement import RecordCapture
from events.stock import StockReceived
from events.store import Append, Metadata
from events.values import CategoryId, Line, Money, OrderId, PaymentId, ProductId, Sku, UserId
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.ids import new_id
from infrastructure.positions import Positions

FACTS_PER_ORDER = 12
"""Six of the order, and a reservation and its end for each of three lines."""
ORDERS_PER_DAY = 2_000
"""An order is shipped the day after it was paid and completed the day after that: its facts do not lie side by side."""
ARTICLES = 500
UNITS_EACH = 1_000_000
AT_ONCE = 256
POOL_SIZE = 4


async def write_history(url: str, orders: int) -> None:
    """The whole lives of so many orders, in a migrated and empty database."""
    async with open_pool(url, POOL_SIZE) as pool, Committer(partial(connect, url)) as committer:
        store = PostgresEventStore(pool, committer, Positions())
        lines = [_line(number) for number in range(ARTICLES)]
        await store.append(Append([StockReceived(line.sku, UNITS_EACH) for line in lines]))
        handler = Handler(store)
        sales = [_sale(number, lines) for number in range(orders)]
        days = [sales[start : start + ORDERS_PER_DAY] for start in range(0, orders, ORDERS_PER_DAY)]
        with rarely_collected():
            for today in range(len(days) + 2):
                for day, steps in ((today, _sold), (today - 1, _shipped), (today - 2, _completed)):
                    if 0 <= day < len(days):
                        await _handled(handler, [steps(sale) for sale in days[day]])


async def _handled(handler: Handler, orders: Sequence[Sequence[Command]]) -> None:
    """The commands of one order one after the other, those of different orders side by side."""
    free = asyncio.Semaphore(AT_ONCE)

    async def handled(commands: Sequence[Command]) -> None:
        async with free:
            for command in commands:
                await handler(command, metadata=Metadata(new_id("usr"), type(command).__name__, new_id("req")))

    await asyncio.gather(*map(handled, orders))


def _sold(sale: RecordSale) -> Sequence[Command]:
    payment_id, total = PaymentId(f"pay_{sale.order_id}"), sale.lines[0].total * len(sale.lines)
    return [
        sale,
        PayOrder(sale.order_id, payment_id, "tok_approve"),
        RecordCapture(sale.order_id, payment_id, total, f"sandbox-{sale.order_id}"),
    ]


def _shipped(sale: RecordSale) -> Sequence[Command]:
    return [ShipOrder(sale.order_id, "DHL", f"JD{sale.order_id}")]


def _completed(sale: RecordSale) -> Sequence[Command]:
    return [CompleteOrder(sale.order_id)]


def _sale(number: int, lines: Sequence[Line]) -> RecordSale:
    chosen = tuple(lines[(number * 7 + step * 11) % len(lines)] for step in range(3))
    return RecordSale(OrderId(new_id("ord")), UserId(new_id("usr")), chosen)


def _line(number: int) -> Line:
    price = Money(1_999, "EUR")
    ids = ProductId(new_id("prd")), f"Article number {number}, 16 oz (store brand)", CategoryId(new_id("cat"))
    return Line(Sku(f"CJ-{number:07d}"), *ids, 1, price, price)
