"""What tests of snapshots stand on: a database, a store and snapshots on it, and a stock of their own."""

from collections.abc import AsyncIterator

import pytest

from commands.decider import Ref
from commands.stock import Stock, stocks
from infrastructure import snapshots
from infrastructure.database import Pool, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.snapshots import Snapshots
from tests.integration.book import open_store
from tests.keys import vault
from tests.store_contract import name

__all__ = ["name"]


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
    states = Snapshots(pool, vault=vault())
    yield states
    await states.close()


@pytest.fixture
def stock(name: str) -> Ref[Stock]:
    return stocks(name, "main")
