"""For tests of snapshots: a database, a store and snapshots on it, and long streams of stock."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from commands.decider import Ref
from commands.stock import Stock, stocks
from events import Event
from events.stock import StockReceived
from events.store import Append
from events.values import Sku
from infrastructure import snapshots
from infrastructure.database import Pool, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.snapshots import REPLAYED_MAX, Snapshots
from tests.integration.book import open_store

VERSIONS = "SELECT stream, version FROM snapshots WHERE stream = ANY ($1)"
LONG = REPLAYED_MAX + 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "WRITE_AFTER_S", 0)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresEventStore]:
    async with open_store(database_url) as store:
        yield store


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url, 4) as pool:
        yield pool


@pytest.fixture
async def states(pool: Pool) -> AsyncIterator[Snapshots]:
    states = Snapshots(pool)
    yield states
    await states.close()


@pytest.fixture
def stock(name: str) -> Ref[Stock]:
    return stocks(name, "main")


def received(ref: Ref[Stock], times: int) -> list[Event]:
    """Two units each time."""
    return [StockReceived(sku_of(ref), 2)] * times


def sku_of(ref: Ref[Stock]) -> Sku:
    return Sku(ref.stream.removeprefix("stock-").removesuffix("@main"))


async def written(states: Snapshots) -> None:
    if states._writing is not None:
        await asyncio.wait_for(asyncio.wait([states._writing]), 10)


async def kept(store: PostgresEventStore, states: Snapshots, ref: Ref[Stock], facts: int = LONG) -> None:
    """Add facts, read them, and wait until what is kept of them is."""
    await store.append(Append(received(ref, facts)))
    await states.read([ref])
    await written(states)


async def kept_versions(pool: Pool, *refs: Ref[Any]) -> Mapping[str, int]:
    rows = await pool.fetch(VERSIONS, [ref.stream for ref in refs])
    return {row["stream"]: row["version"] for row in rows}
