"""Bringing a table that nobody reads yet up to date with the book: in long strides, and page by page near the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from events import EVENT_TYPES
from infrastructure.bulk_fold import BulkFold
from infrastructure.database import Connection, Pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.folding import MISFIT, fold_page
from infrastructure.leases import LOCK, Lease, Leases
from infrastructure.pages import Pages
from infrastructure.parking import park, parked_keys, skipped_facts
from infrastructure.read_table import ReadTable
from infrastructure.scrubbing import forgotten_in, scrub
from projections.projection import Projection

PAGE_FACTS = 2_000
"""So few that what is read of them is still in the processor's cache when it is folded."""
LAST_STEP_FACTS = 2_000
WRITE_EVERY_S = 2.0
"""A lease must be renewed in time, and what is not written is folded again after an interruption."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is; `eta_s` is None as long as nothing can be said."""

    position: int
    head: int
    facts_per_s: float
    eta_s: float | None


@dataclass(frozen=True, slots=True)
class Filling:
    """A table of one projection and its checkpoint, `lease.position`."""

    store: PostgresEventStore
    projection: Projection[Any]
    table: ReadTable[Any]
    lease: Lease

    async def catch_up(self, pool: Pool, leases: Leases, on_progress: Callable[[Progress], None]) -> None:
        """Stride by stride until the table is within one step of the head. Raises LeaseLost."""
        started, first = time.perf_counter(), self.lease.position
        bulk = BulkFold(self.projection, self.table, self.lease.name)
        async with pool.acquire() as connection, Pages(self.store, PAGE_FACTS) as pages:
            await bulk.open(connection)
            while True:
                head, position = await self.store.head(), self.lease.position
                took = time.perf_counter() - started
                rate = (position - first) / took if took > 0 else 0.0
                on_progress(Progress(position, head, rate, (head - position) / rate if rate else None))
                if head - position <= LAST_STEP_FACTS:
                    return
                end = await self._stride(connection, bulk, pages)
                try:
                    async with connection.transaction():
                        await bulk.write(connection)
                        await leases.advance(connection, [self.lease], end, rate)
                    self.lease.position = end
                except MISFIT as error:
                    log.warning("rebuild_page_by_page", table=self.lease.name, after=position, error=str(error))
                    await self._page_by_page(connection, leases, end)
                    await bulk.open(connection)

    async def page(self, connection: Connection, until: int) -> int:
        """One page into the table, inside the caller's transaction; the position that this has come to."""
        after, name = self.lease.position, self.lease.name
        page = await self.store.read_page(after, limit=PAGE_FACTS, but=self._unwanted(), until=until, via=connection)
        keys = await parked_keys(connection, name)
        skipped = await skipped_facts(connection, self.projection.name)
        folded = await fold_page(connection, self.projection, self.table, page.facts, keys, skipped=skipped)
        await park(connection, name, folded.parked)
        await scrub(connection, self.projection, forgotten_in(page.facts), name)
        return page.end

    async def _stride(self, connection: Connection, bulk: BulkFold, pages: Pages) -> int:
        """Fold in memory what goes into one transaction; the position that this has come to."""
        position, write_at = self.lease.position, time.perf_counter() + WRITE_EVERY_S
        while True:
            page = await pages.after(position, self._unwanted())
            await bulk.take(connection, page.facts)
            position = page.end
            if not page.full or bulk.is_full or time.perf_counter() >= write_at:
                return position

    async def _page_by_page(self, connection: Connection, leases: Leases, end: int) -> None:
        """Somewhere up to `end` is a row that does not fit the table: written page by page, only that one waits."""
        while self.lease.position < end:
            async with connection.transaction():
                await connection.execute(LOCK, [self.lease.name])
                position = await self.page(connection, end)
                await leases.advance(connection, [self.lease], position)
            self.lease.position = position

    def _unwanted(self) -> frozenset[str]:
        return frozenset(EVENT_TYPES.keys() - {fact.__name__ for fact in self.projection.reads})
