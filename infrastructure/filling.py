"""Bringing a table that nobody reads yet up to date with the book: in long strides, and page by page near the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from events import EVENT_TYPES
from infrastructure.bulk_fold import BulkFold
from infrastructure.database import Connection, Pool
from infrastructure.event_store import MAX_POSITION, Page, PostgresEventStore, Share
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
class _Part:
    """As much of the book as a filling is about."""

    store: PostgresEventStore
    until: int
    share: Share | None
    via: Connection | None = None

    async def read_page(self, after: int, *, limit: int, but: frozenset[str]) -> Page:
        return await self.store.read_page(after, limit=limit, but=but, until=self.until, share=self.share, via=self.via)


@dataclass(frozen=True, slots=True)
class Filling:
    """A table of one projection and its checkpoint, `lease.position`."""

    store: PostgresEventStore
    projection: Projection[Any]
    table: ReadTable[Any]
    lease: Lease
    share: Share | None = None

    async def catch_up(
        self, pool: Pool, leases: Leases, on_progress: Callable[[Progress], None], until: int | None = None
    ) -> None:
        """Stride by stride until the table is within one step of the head, or exactly at `until`. Raises LeaseLost."""
        started, first = time.perf_counter(), self.lease.position
        bulk = BulkFold(self.projection, self.table, self.lease.name, self.share)
        book = _Part(self.store, until or MAX_POSITION, self.share)
        async with pool.acquire() as connection, Pages(book, PAGE_FACTS) as pages:
            await bulk.open(connection)
            while True:
                head, position = until or await self.store.head(), self.lease.position
                took = time.perf_counter() - started
                rate = (position - first) / took if took > 0 else 0.0
                on_progress(Progress(position, head, rate, (head - position) / rate if rate else None))
                if head - position <= (0 if until else LAST_STEP_FACTS):
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
        part = _Part(self.store, until, self.share, connection)
        page = await part.read_page(after, limit=PAGE_FACTS, but=self._unwanted())
        keys = await parked_keys(connection, name)
        skipped = await skipped_facts(connection, self.projection.name)
        folded = await fold_page(connection, self.projection, self.table, page.facts, keys, skipped=skipped)
        await park(connection, name, folded.parked)
        await scrub(connection, self.projection, forgotten_in(page.facts), self.table.name, self.share)
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
