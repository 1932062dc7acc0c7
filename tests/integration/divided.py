"""A book of orders whose read table can be rebuilt in several processes.

`python -m tests.integration.divided URL` begins to, in processes that do not get on."""

import asyncio
import os
import sys
import time
from dataclasses import replace
from typing import Any

from events.order import OrderCompleted, OrderEvent, OrderPaid, OrderPlaced, OrderShipped
from events.store import Append, Fact
from events.values import CategoryId, Line, Money, OrderId, PaymentId, ProductId, Sku, UserId
from infrastructure import filling
from infrastructure import rebuild as rebuilding
from infrastructure.database import open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.rebuild import rebuild
from infrastructure.shares import Processes, reading
from projections.order_summary import OrderSummaryRow, order_summary
from projections.projection import Key, Projection
from tests.keys import vault

ORDERS = 120
HERE = os.getpid()
SMALL: dict[str, Any] = {"PAGE_FACTS": 20, "LAST_STEP_FACTS": 20, "WRITE_EVERY_S": 0.0}
PRICE = Money(1_999, "EUR")
LINE = Line(Sku("CJ-1"), ProductId("prd_1"), "An article", CategoryId("cat_1"), 1, PRICE, PRICE)


def order_id(number: int) -> OrderId:
    return OrderId(f"ord_{number:04d}")


def customer(number: int) -> UserId:
    return UserId(f"usr_{number % 7}")


async def write_orders(store: PostgresEventStore) -> int:
    """Days of ten orders, each shipped a day later and completed another day later; the position of the last fact."""
    for first in range(0, ORDERS + 20, 10):
        day = [
            fact
            for number in range(first, first + 10)
            for fact in (
                OrderPlaced(order_id(number), customer(number), (LINE,), PRICE),
                OrderPaid(order_id(number), PaymentId(f"pay_{number}"), PRICE),
            )
            if number < ORDERS
        ]
        shipped = [OrderShipped(order_id(n), "DHL", f"JD{n}") for n in range(first - 10, first) if 0 <= n < ORDERS]
        completed = [OrderCompleted(order_id(n)) for n in range(first - 20, first - 10) if n >= 0]
        appended = await store.append(Append([*day, *shipped, *completed]))
    return appended.position


def processes(url: str, number: int = 2) -> Processes:
    return Processes(number, reading(url, vault().masters))


def told_who() -> Projection[OrderSummaryRow]:
    """The rows say which process has folded them."""

    def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
        row = order_summary.evolve(row, fact, key)
        return row and row._replace(cancel_reason=str(os.getpid()))

    return replace(order_summary, evolve=evolve)


def stuck() -> Projection[OrderSummaryRow]:
    """No process but this one comes past the first completed order; before that, it says who it is."""

    def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
        if isinstance(fact.event, OrderCompleted) and os.getpid() != HERE:
            os.write(1, f"{os.getpid()}\n".encode())
            time.sleep(600)
        return order_summary.evolve(row, fact, key)

    return replace(order_summary, evolve=evolve)


async def _rebuild(url: str) -> None:
    async with open_pool(url, 3) as pool, reading(url)() as (_, store):
        await rebuild(pool, store, stuck(), owner="killed", processes=processes(url))


if __name__ == "__main__":
    vars(filling).update(SMALL)
    vars(rebuilding).update(DIVIDED_FROM=0)
    asyncio.run(_rebuild(sys.argv[1]))
