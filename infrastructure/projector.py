"""The page engine: moves every projection that this worker holds along the book, exactly once.

Projections that stand at the same position travel together: a page of facts is read once, folded in memory for each
of them, and rows and checkpoints are written in one transaction, fenced by the leases' epochs. One that fails is
left behind and says why, while the others go on.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from events import EVENT_TYPES, Event
from events.privacy import SubjectForgotten
from events.store import Fact
from infrastructure.changes import changes, told
from infrastructure.codec import Unread
from infrastructure.database import UNREACHABLE, Connection, Pool
from infrastructure.event_store import Page, PostgresEventStore
from infrastructure.fold import Fold, concerns
from infrastructure.folding import MISFIT, Folded, RowCache, fold_rows
from infrastructure.leases import RENEW_EVERY_S, Lease, LeaseLost, Leases
from infrastructure.pages import Pages
from infrastructure.parking import park, parked_keys
from infrastructure.positions import HEAD, Positions
from infrastructure.read_table import ReadTable
from infrastructure.scrubbing import forgotten_in, scrub_all
from infrastructure.source_hash import note_sources
from infrastructure.watch import Watch
from projections.projection import Projection

PAGE_FACTS = 4_000
POLL_S = 1.0
RETRY_S = 2.0
TELL_EVERY_S = 0.05
SHORTEST_S = 0.001
"""A page takes longer than that; nobody divides by less."""

log = structlog.get_logger(__name__)


class Projector:
    """Runs until it is stopped. Any number may run in any number of processes; the leases share the work out."""

    def __init__(
        self,
        pool: Pool,
        store: PostgresEventStore,
        positions: Positions,
        projections: Sequence[Projection[Any]],
        *,
        owner: str,
        cache: RowCache | None = None,
        page_facts: int = PAGE_FACTS,
        watch: Watch | None = None,
    ) -> None:
        self._pool, self._store, self._positions, self._cache = pool, store, positions, cache
        self._projections = {projection.name: projection for projection in projections}
        self._leases = Leases(pool, list(self._projections), owner)
        self._tables: dict[str, ReadTable[Any]] = {}
        self._failing_until: dict[str, float] = {}
        self._pages = Pages(store, page_facts)
        self._not_read: dict[tuple[str, ...], frozenset[str]] = {}
        self._watch = watch or Watch()
        self._telling: asyncio.Task[None] | None = None
        self._renew_at = 0.0

    async def run(self) -> None:
        """Until cancelled, whatever happens: a database that is away is waited for, a bug is logged and tried again."""
        try:
            while True:
                try:
                    await self._run()
                except UNREACHABLE as error:
                    log.warning("projector_interrupted", error=str(error))
                except Exception:
                    log.exception("projector_interrupted")
                self._leases.give_up()
                await asyncio.sleep(POLL_S)
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await self._told()
                    await self._pages.close()
                    await self._leases.release()

    async def catch_up(self) -> None:
        """Project everything up to the present head, once; for tools and tests that run no worker."""
        await self._open()
        await self._leases.take()
        head = await self._store.head()
        while any(lease.position < head for lease in self._leases.held.values()):
            if not await self._turn():
                break
        await self._told()
        await self._pages.close()
        await self._leases.release()

    async def _run(self) -> None:
        await self._open()
        loop = asyncio.get_running_loop()
        self._renew_at = 0.0
        while True:
            if loop.time() >= self._renew_at:
                await self._leases.take()
                self._renew_at = loop.time() + RENEW_EVERY_S
            if not await self._turn():
                going = [lease.position for name, lease in self._leases.held.items() if name not in self._failing_until]
                if not await self._positions.reach(HEAD, min(going, default=self._positions[HEAD]) + 1, POLL_S):
                    await self._store.head()

    async def _open(self) -> None:
        await self._leases.prepare()
        await note_sources(self._pool, self._projections.values())
        for name, projection in self._projections.items():
            self._tables[name] = await ReadTable.open(self._pool, projection)

    async def _turn(self) -> bool:
        """One page for every group of projections that stand together. Whether anything moved."""
        now = asyncio.get_running_loop().time()
        self._failing_until = {name: until for name, until in self._failing_until.items() if until > now}
        groups: dict[int, list[Lease]] = defaultdict(list)
        for lease in self._leases.held.values():
            if lease.name not in self._failing_until:
                groups[lease.position].append(lease)
        moved = False
        for _, group in sorted(groups.items()):
            try:
                moved |= await self._page(group, ahead=len(groups) == 1)
            except LeaseLost as lost:
                log.warning("lease_lost", projections=str(lost))
                await self._leases.take()  # finds out which of the group it was, and keeps the others
            except UNREACHABLE:
                raise
            except Exception as error:
                await self._isolate(group, error)
        return moved

    async def _isolate(self, group: list[Lease], error: Exception) -> None:
        """Find out which projections of a failed group are to blame: only those stay behind."""
        for lease in group:
            try:
                if len(group) > 1:
                    await self._page([lease])
                    continue
            except LeaseLost:
                self._leases.held.pop(lease.name, None)
                continue
            except Exception as own:
                error = own
            log.error("projection_failed", projection=lease.name, position=lease.position, exc_info=error)
            self._failing_until[lease.name] = asyncio.get_running_loop().time() + RETRY_S
            await self._leases.failed(lease, f"{type(error).__name__}: {error}")

    async def _page(self, group: list[Lease], *, ahead: bool = False) -> bool:
        """With `ahead` the page behind this one is read meanwhile; it is thrown away if it is not the next."""
        start, began = group[0].position, asyncio.get_running_loop().time()
        names = tuple(lease.name for lease in group)
        page = await self._pages.after(start, self._passed_over(names), ahead=ahead)
        if page.end <= start:
            return False
        origins = await self._store.origins(page.facts) if self._watch.traces else ()
        async with self._watch.page(names, len(page.facts), origins):
            # Nothing is locked so far. Whoever moves these rows, or what is parked, takes the leases from us.
            kinds = {type(fact.event) for fact in page.facts}
            concerned = [lease for lease in group if concerns(self._projections[lease.name], kinds)]
            folds = [await self._folded(lease, page.facts) for lease in concerned]
            changed = changes(folds)
            news = told(changed, names, page.end)
            rate = (page.end - start) / max(asyncio.get_running_loop().time() - began, SHORTEST_S)
            as_folded = SubjectForgotten not in kinds  # whose rows are scrubbed
            try:
                await self._write(group, folds, page, rate, news, Folded.write)
            except MISFIT:
                await self._write(group, folds, page, rate, news, Folded.write_each)
                as_folded = False
        for lease in group:
            lease.position = page.end
            self._positions.advance(lease.name, page.end)
        if len(group) == len(self._projections):  # all have been renewed with it, and there are no others to take
            self._renew_at = asyncio.get_running_loop().time() + RENEW_EVERY_S
        for lease, folded in zip(concerned, folds, strict=True):
            lease.parked_keys = folded.fold.parked_keys
            folded.remembered(lease.rows)
        for lease in () if as_folded else group:
            lease.rows.clear()
        if self._cache is not None and changed:
            for kind, keys in changed.items():
                await self._cache.changed(kind, keys, page.end)
            if self._telling is None or self._telling.done():
                self._telling = asyncio.create_task(_keep_telling(self._cache))
        return True

    def _passed_over(self, names: tuple[str, ...]) -> frozenset[str]:
        """The types of facts that none of these projections reads: worked out once, as pages are short and many."""
        if names not in self._not_read:
            read = {fact.__name__ for name in names for fact in self._projections[name].reads}
            self._not_read[names] = frozenset(EVENT_TYPES.keys() - read)
        return self._not_read[names]

    async def _folded(self, lease: Lease, facts: Sequence[Fact[Event] | Unread]) -> Folded:
        if lease.parked_keys is None:
            lease.parked_keys = await parked_keys(self._pool, lease.name)
        fold = Fold(self._projections[lease.name], lease.parked_keys)
        return await fold_rows(self._pool, fold, self._tables[lease.name], facts, lease.rows)

    async def _write(
        self,
        group: Sequence[Lease],
        folds: Sequence[Folded],
        page: Page,
        rate: float,
        news: Sequence[str],
        write: Callable[[Folded, Connection], Awaitable[None]],
    ) -> None:
        """Checkpoints first: whoever was overtaken must stop here, and nobody else gets in between.

        What a crash of the server undoes is folded again, so the commit need not wait for the disk."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._leases.advance(connection, group, page.end, rate, news, repeatable=True)
            for folded in folds:
                await write(folded, connection)
                await park(connection, folded.fold.projection.name, folded.parked)
            await scrub_all(connection, [self._projections[lease.name] for lease in group], forgotten_in(page.facts))

    async def _told(self) -> None:
        """The cache has heard of all pages, if it can be told."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        if self._cache is not None:
            await self._cache.tell()


async def _keep_telling(cache: RowCache) -> None:
    """At once, and then of several pages together: to tell of one took a fifth of the time that it took to project."""
    while cache.has_untold:
        await cache.tell()
        await asyncio.sleep(TELL_EVERY_S)
