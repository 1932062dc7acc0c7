"""One article that many want: a store whose appends can be held, and a handler that knows the stock."""

import asyncio

import pytest

from commands.handler import Done, Handler
from commands.rejections import StockWouldGoNegative
from commands.stock import AdjustStock, ReceiveStock, stocks
from commands.variant import ChangePrice
from events.values import DEFAULT_LOCATION
from tests.unit.held_store import HeldStore, settled
from tests.unit.pasts import SMALL, stocked
from tests.unit.shop import refused

STOCK = stocks(SMALL, DEFAULT_LOCATION)


def take(units: int) -> AdjustStock:
    return AdjustStock(SMALL, -units, "taken")


@pytest.fixture
async def store() -> HeldStore:
    store = HeldStore()
    await store.happened_elsewhere(*stocked)
    return store


@pytest.fixture
async def handler(store: HeldStore) -> Handler:
    """Knows the stock at version 1 with ten units."""
    handler = Handler(store)
    with refused(StockWouldGoNegative):
        await handler(take(11))
    return handler


async def start(handler: Handler, *commands: AdjustStock | ReceiveStock | ChangePrice) -> "asyncio.Task[Done]":
    task = asyncio.create_task(handler(*commands))
    await settled()
    return task


async def available(store: HeldStore) -> int:
    return (await Handler(store).read(STOCK)).available
