"""The book page by page, the next page being read while the one before is worked on."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from events import Event
from events.store import Fact
from infrastructure.codec import Unread

F = TypeVar("F", bound=Fact[Event])
F_co = TypeVar("F_co", bound=Fact[Event], covariant=True)


class ReadPage(Protocol[F_co]):
    """`read_page` or `read_bare` of an event store."""

    async def __call__(self, after: int, *, limit: int, but: frozenset[str]) -> Sequence[F_co | Unread]: ...


class Heads(Protocol):
    """As much of an event store as tells where the book ends."""

    async def head(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Page(Generic[F]):
    """All facts beyond the position asked for up to `end`, except those not wanted; `full` if there may be more."""

    facts: Sequence[F | Unread]
    end: int
    full: bool


_Asked = tuple[int, frozenset[str]]


class Pages(Generic[F]):
    """At most two pages are in memory: the one handed out, and the one behind it. `close`, or use as a context."""

    def __init__(self, store: Heads, read_page: ReadPage[F], page_facts: int) -> None:
        self._store, self._read_page, self._page_facts = store, read_page, page_facts
        self._ahead: tuple[_Asked, asyncio.Task[Page[F]]] | None = None

    async def after(self, position: int, but: frozenset[str], *, ahead: bool = True) -> Page[F]:
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

    async def __aenter__(self) -> "Pages[F]":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _read(self, position: int, but: frozenset[str]) -> Page[F]:
        head = await self._store.head()
        if head <= position:
            return Page((), position, full=False)
        facts = await self._read_page(position, limit=self._page_facts, but=but)
        if len(facts) == self._page_facts:
            return Page(facts, facts[-1].position, full=True)
        # A short page means: nothing more of our types up to the head that was read before it.
        return Page(facts, max(head, facts[-1].position if facts else 0), full=False)
