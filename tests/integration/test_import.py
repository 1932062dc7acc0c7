"""The import on a real database: to the cent, once, and on again after it was cut short."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from api import importing
from api.importing import fill_demo_shop
from commands.handler import Handler
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import Positions
from tests.keys import vault
from tests.kinds import EMBEDDED_ALONE
from tests.sales_in_book import book_of, totals_of
from tests.till_totals import totals_of_sample
from tests.waiting import PATIENCE_S

pytestmark = EMBEDDED_ALONE


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresEventStore]:
    keys = vault()
    async with open_pool(url, 2) as pool, Committer(lambda: connect(url), vault=keys) as committer:
        yield PostgresEventStore(pool, committer, Positions(), keys)


async def cut_short(url: str, after: int) -> None:
    """Fill the shop and let go of everything when the book holds `after` facts, whatever is on its way."""
    async with opened(url) as store:
        filling = asyncio.create_task(fill_demo_shop(Handler(store)))
        async with asyncio.timeout(PATIENCE_S):
            while await store.head() < after and not filling.done():
                await asyncio.sleep(0)
        filling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await filling


async def test_the_book_says_what_the_till_says_though_imports_were_cut_short_and_two_ran_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "UNITS_AT_ONCE", 16)  # or else the demo shop is filled in a handful of commits
    for after in (50, 700, 1_500):
        await cut_short(database_url, after)
    async with opened(database_url) as store, opened(database_url) as other:
        cut = await store.head()
        reports = await asyncio.gather(fill_demo_shop(Handler(store)), fill_demo_shop(Handler(other)))
        facts = await book_of(store)
        assert 0 < cut < len(facts) == cut + sum(report.facts for report in reports)
        assert totals_of(facts) == totals_of_sample()
        assert [fact.position for fact in facts] == list(range(1, len(facts) + 1))


async def test_asking_again_adds_nothing(database_url: str) -> None:
    async with opened(database_url) as store:
        await fill_demo_shop(Handler(store))
        head = await store.head()
        again = await fill_demo_shop(Handler(store))
        assert again.facts == 0
        assert await store.head() == head
