"""The book page by page, the next page being read while the one before is worked on."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from events.store import Recorded
from infrastructure.codec import Unread
from infrastructure.event_store import PostgresEventStore


@dataclass(frozen=True, slots=True)
class Page:
    """All facts beyond the position asked for up to `end`, except those not wanted; `full` if there may be more."""

    facts: Sequence[Recorded | Unread]
    end: int
    full: bool


_Asked = tuple[int, frozenset[str]]


class Pages:
    """At most two pages are in memory: the one handed out, and the one behind it. `close`, or use as a context."""

    def __init__(self, store: PostgresEventStore, page_facts: int) -> None:
        self._store, self._page_facts = store, page_facts
        self._ahead: tuple[_Asked, asyncio.Task[Page]] | None = None

    async def after(self, position: int, but: frozenset[str], *, ahead: bool = True) -> Page:
        """The next page of facts of all types except `but`. With `ahead` the reading of the one behind it begins."""
        asked = position, but
        if self._ahead is not None and self._ahead[0] == asked:
            (_, reading), self._ahead = self._ahead, None
            page = await reading
        else:
            page = await self._read(position, but)
        if ahead and page.full:
            await self.close()
            self._ahead = (page.end, but), asyncio.create_task(self._read(page.end, but))
        return page

    async def close(self) -> None:
        """What was read ahead is not wanted any more."""
        if self._ahead is not None:
            (_, reading), self._ahead = self._ahead, None
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def __aenter__(self) -> "Pages":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _read(self, position: int, but: frozenset[str]) -> Page:
        head = await self._store.head()
        if head <= position:
            return Page((), position, full=False)
        facts = await self._store.read_page(position, limit=self._page_facts, but=but)
        if len(facts) == self._page_facts:
            return Page(facts, facts[-1].position, full=True)
        # A short page means: nothing more of our types up to the head that was read before it.
        return Page(facts, max(head, facts[-1].position if facts else 0), full=False)
