"""The book page by page, the next page being read while the one before is worked on."""

import asyncio
from types import TracebackType
from typing import Protocol

from infrastructure.event_store import Page


class Book(Protocol):
    """As much of an event store as is read here."""

    async def read_page(self, after: int, *, limit: int, but: frozenset[str]) -> Page: ...


_Asked = tuple[int, frozenset[str]]


class Pages:
    """At most two pages are in memory: the one handed out, and the one behind it. `close`, or use as a context."""

    def __init__(self, book: Book, page_facts: int) -> None:
        self._book, self._page_facts = book, page_facts
        self._ahead: tuple[_Asked, asyncio.Task[Page]] | None = None

    async def after(self, position: int, but: frozenset[str], *, ahead: bool = True) -> Page:
        """The next page of facts of all types except `but`. With `ahead` the reading of the one behind it begins."""
        asked = position, but
        if self._ahead is not None and self._ahead[0] == asked:
            (_, reading), self._ahead = self._ahead, None
            page = await reading
        else:
            page = await self._read(*asked)
        if ahead and page.full:
            await self.close()
            behind = page.end, but
            self._ahead = behind, asyncio.create_task(self._read(*behind))
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
        return await self._book.read_page(position, limit=self._page_facts, but=but)
