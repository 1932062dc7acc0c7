"""A projection to try the engine with: how many units each SKU has received. Counting a fact twice would show."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from events import Event
from events.stock import StockAdjusted, StockReceived
from events.store import Append, Fact
from events.values import Sku
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.folding import RowCache
from infrastructure.positions import HEAD, Positions
from infrastructure.projector import Projector
from projections.projection import Key, Projection
from tests.keys import vault


class TallyRow(NamedTuple):
    sku: str
    received: int
    notes: list[str]
    version: int


Spoil = Callable[[Fact[Event]], None]


def tally(name: str, spoil: Spoil = lambda fact: None, cached_as: str | None = None) -> Projection[TallyRow]:
    """`spoil` may raise. An adjustment to nothing removes the row."""

    def evolve(row: TallyRow | None, fact: Fact[Event], key: Key) -> TallyRow | None:
        spoil(fact)
        match fact.event:
            case StockReceived(sku, quantity, reference):
                row = row or TallyRow(sku, 0, [], 0)
                notes = [*row.notes, reference] if reference else row.notes
                return row._replace(received=row.received + quantity, notes=notes, version=fact.version)
        return None

    return Projection(
        name,
        TallyRow,
        ("sku",),
        (StockReceived, StockAdjusted),
        lambda event: [(event.sku,)],
        evolve,
        cached_as=cached_as,
    )


@dataclass
class Engine:
    """One process's parts around a projector."""

    pool: Pool
    store: PostgresEventStore
    positions: Positions

    def projector(
        self,
        *projections: Projection[TallyRow],
        owner: str = "one",
        page_facts: int = 100,
        cache: RowCache | None = None,
    ) -> Projector:
        return Projector(
            self.pool, self.store, self.positions, projections, owner=owner, page_facts=page_facts, cache=cache
        )

    async def receive(self, *receipts: tuple[str, int]) -> int:
        """The position of the last."""
        return (
            await self.store.append(Append([StockReceived(Sku(sku), units, "note") for sku, units in receipts]))
        ).position

    async def received(self, name: str) -> dict[str, int]:
        return {row["sku"]: row["received"] for row in await self.pool.fetch(f"SELECT sku, received FROM {name}")}

    async def expected(self) -> dict[str, int]:
        """Summed up from the book, without the engine."""
        sums: dict[str, int] = {}
        for fact in await self.store.read_all(0, limit=100_000, types=["StockReceived", "StockAdjusted"]):
            if isinstance(fact.event, StockReceived):
                sums[fact.event.sku] = sums.get(fact.event.sku, 0) + fact.event.quantity
            elif isinstance(fact.event, StockAdjusted):
                sums.pop(fact.event.sku, None)
        return sums

    async def checkpoint(self, name: str) -> asyncpg.Record:
        found: asyncpg.Record = await self.pool.fetchrow(
            "SELECT position, owner, epoch, last_error FROM projections WHERE name = $1", name
        )
        return found


@asynccontextmanager
async def open_engine(url: str, tables: Sequence[str]) -> AsyncIterator[Engine]:
    """With a table for each tally, which is gone at the end."""
    positions = Positions()
    keys = vault()
    async with (
        open_pool(url, 5) as pool,
        Committer(lambda: connect(url), lambda head: positions.advance(HEAD, head), vault=keys) as committer,
    ):
        for table in tables:
            await pool.execute(
                f"CREATE TABLE {table} (sku text PRIMARY KEY, received bigint NOT NULL, notes json NOT NULL,"
                " version integer NOT NULL)"
            )
        try:
            yield Engine(pool, PostgresEventStore(pool, committer, positions, keys), positions)
        finally:
            for table in tables:
                await pool.execute(f"DROP TABLE {table}")
            await pool.execute("DELETE FROM projections WHERE name = ANY ($1::text[])", list(tables))
