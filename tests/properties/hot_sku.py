"""One article that buyers at several processes want, while staff receive, count and watch it: what is done, and whether
the stock's stream is what it should be afterwards."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

import asyncpg
from hypothesis import strategies as st

from commands import Command
from commands.checkout import RecordSale
from commands.handler import Handler
from commands.order_life import CancelOrder, LapseOrder
from commands.rejections import OutOfStock, Rejected, StockWouldGoNegative
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, Stock, evolve, stocks
from events.claim import NameClaimed
from events.stock import StockRanLow, StockRecovered, StockReserved
from events.store import Append, Recorded
from events.values import DEFAULT_LOCATION, CategoryId, Line, Money, OrderId, ProductId, Sku, UserId
from infrastructure.database import connect
from infrastructure.event_store import PostgresEventStore
from tests.integration.book import open_handler, open_store

PROCESSES = 3
UNITS = 6
BALANCE = "SELECT version, balance, settled FROM streams WHERE stream = $1"
PRICE = Money(100, "EUR")


@dataclass(frozen=True, slots=True)
class Act:
    what: Literal["reserve", "cancel", "receive", "adjust", "watch"]
    units: int


Person = tuple[Act, ...]
_whats = ["reserve", "reserve", "reserve", "cancel", "cancel", "receive", "adjust", "watch"]
_act = st.builds(Act, st.sampled_from(_whats), st.integers(1, 4))
people = st.lists(st.lists(_act, min_size=1, max_size=6).map(tuple), min_size=4, max_size=24)


@dataclass
class Told:
    """What was acknowledged and refused; of a refusal also between which versions of the stock it was asked."""

    sold: list[OrderId] = field(default_factory=list)
    refused: list[tuple[int, int, int]] = field(default_factory=list)
    """The least and the latest version that it may rest on, and the units that were said to be available."""


@dataclass
class Floor:
    handlers: Sequence[Handler]
    store: PostgresEventStore
    admin: asyncpg.Connection

    async def complaints(self, crowd: Sequence[Person]) -> list[str]:
        """Everybody at once, each one's acts one after the other."""
        sku, told = Sku(uuid4().hex[:12]), Told()
        await self.store.append(Append([NameClaimed(f"sku:{sku}", "prd_mug")]))
        await self.handlers[0](ReceiveStock(sku, UNITS))
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number, acts in enumerate(crowd):
                group.create_task(self._person(number, acts, sku, told))
        stream = stocks(sku, DEFAULT_LOCATION).stream
        row = await self.admin.fetchrow(BALANCE, stream)
        assert row is not None
        return [*_wrong(await self.store.read([stream]), told, row)]

    async def _person(self, number: int, acts: Person, sku: Sku, told: Told) -> None:
        handler, orders = self.handlers[number % PROCESSES], list[OrderId]()
        stock = stocks(sku, DEFAULT_LOCATION)
        for act in acts:
            before = (await handler.versions([stock]))[stock.stream]
            try:
                done = await handler(_command(act, sku, orders))
            except (OutOfStock, StockWouldGoNegative) as refusal:
                until = (await handler.versions([stock]))[stock.stream]
                told.refused.append((before, until, _available(refusal)))
                continue
            for fact in done.events:
                if isinstance(fact, StockReserved):
                    orders.append(fact.order_id)
                    told.sold.append(fact.order_id)


def _command(act: Act, sku: Sku, orders: list[OrderId]) -> Command:
    match act.what:
        case "cancel" if orders and act.units % 2:
            return CancelOrder(orders.pop(), "no more")
        case "cancel" if orders:
            return LapseOrder(orders.pop(), datetime.max.replace(tzinfo=UTC))
        case "receive":
            return ReceiveStock(sku, act.units)
        case "adjust":
            return AdjustStock(sku, -act.units, "counted")
        case "watch":
            return SetThreshold(sku, act.units if act.units < 4 else None)
        case _:
            total = PRICE * act.units
            line = Line(sku, ProductId("prd_mug"), "Mug", CategoryId("cat_mugs"), act.units, PRICE, total)
            return RecordSale(OrderId(uuid4().hex), UserId("usr_ann"), (line,))


def _available(refusal: Rejected) -> int:
    details: Any = refusal.details
    return int(details["items"][0]["available"] if "items" in details else details["available"])


def _wrong(facts: Sequence[Recorded], told: Told, row: asyncpg.Record) -> Iterator[str]:
    """The stock's facts in order, each judged by the state before it."""
    stock, levels = Stock(), [0]
    for n, fact in enumerate(facts):
        if isinstance(fact.event, StockRanLow | StockRecovered) and fact.event.available != stock.available:
            yield f"said {fact.event}, and it was {stock}"
        stock = evolve(stock, fact.event)  # type: ignore[arg-type]
        levels.append(stock.available)
        if stock.available < 0 or stock.reserved < 0:
            yield f"more is taken than there was at version {fact.version}: {stock}"
        is_last = n + 1 == len(facts) or facts[n + 1].position != fact.position + 1
        if is_last and stock.is_low != (stock.threshold is not None and stock.available <= stock.threshold):
            yield f"nobody said what {fact.event} has led to: {stock}"
    reserved = [fact.event.order_id for fact in facts if isinstance(fact.event, StockReserved)]
    if sorted(reserved) != sorted(told.sold):
        yield f"sold {len(told.sold)}, and {len(reserved)} reservations are stored"
    for first, last, available in told.refused:
        if available not in levels[first : last + 1]:
            yield f"refused for {available} available, which it never was: {levels[first : last + 1]}"
    if row["balance"] not in (None, stock.available) or row["version"] != len(facts):
        yield f"the stream is said to be at {row}, and it is {stock}"
    if row["balance"] is not None and row["settled"] > row["version"]:
        yield f"settled beyond its end: {row}"


@asynccontextmanager
async def open_floor(url: str) -> AsyncIterator[Floor]:
    """Handlers as several processes have them, each with a store and snapshots of its own."""
    async with AsyncExitStack() as stack:
        handlers = [await stack.enter_async_context(open_handler(url)) for _ in range(PROCESSES)]
        admin = await connect(url)
        stack.push_async_callback(admin.close)
        yield Floor(handlers, await stack.enter_async_context(open_store(url)), admin)
