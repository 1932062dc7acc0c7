"""Reads the book page by page for a verification: the next page is on its way while the present one is hashed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from infrastructure.database import Pool
from infrastructure.seal import SEAL_COLUMNS, Seal, digest, facts_between
from infrastructure.verification.archived import ArchivedParts
from infrastructure.verification.findings import Findings, Kind
from infrastructure.verification.streams import Versions

PAGE_FACTS = 2_048
SLICE_FACTS = 128
PAGE_SEALS = 64

SEALS = f"""SELECT {SEAL_COLUMNS}, digests FROM seals
    WHERE first_position > $1 AND first_position <= $2 AND last_position <= $3 ORDER BY first_position LIMIT $4"""


Read = tuple[int, bytes]
"""The position and the digest of a fact."""


class Reader:
    """Facts once, in order. What their order alone tells is added to the findings on the way."""

    def __init__(
        self,
        pool: Pool,
        findings: Findings,
        archived: ArchivedParts,
        after: int,
        until: int,
        on_page: Callable[[int], None],
    ) -> None:
        self._pool, self._findings, self._until, self._on_page = pool, findings, until, on_page
        self._page: Sequence[Read] = ()
        self._versions = Versions(pool, findings, archived)
        self._last_time: bytes | None = None
        self._fetching = asyncio.create_task(self._fetch(after))
        self._checking: asyncio.Task[None] | None = None
        self.facts = 0

    async def up_to(self, last: int) -> AsyncIterator[Sequence[Read]]:
        """The facts not read yet, as far as position `last`, in pieces."""
        while self._page or await self._turn():
            end = len(self._page)
            if self._page[-1][0] > last:
                end = next(n for n, read in enumerate(self._page) if read[0] > last)
            piece, self._page = self._page[:end], self._page[end:]
            if piece:
                yield piece
            if self._page:
                return

    async def finish(self) -> None:
        """Wait for what is still looked into."""
        if self._checking is not None:
            await self._checking

    async def stop(self) -> None:
        tasks = [task for task in (self._fetching, self._checking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _turn(self) -> bool:
        """Go to the next page. Whether there is one."""
        facts = await self._fetching
        if not facts:
            return False
        last: int = facts[-1]["position"]
        self._fetching = asyncio.create_task(self._fetch(last))
        await self.finish()
        self._checking = asyncio.create_task(self._versions.meet(self._versions.follow(facts)))
        self._check_times(facts)
        page: list[Read] = []
        for start in range(0, len(facts), SLICE_FACTS):
            page += [(fact[0], digest(fact)) for fact in facts[start : start + SLICE_FACTS]]
            await asyncio.sleep(0)  # a process that serves requests too must not be held up by a page
        self._page = page
        self.facts += len(page)
        self._on_page(last)
        return True

    async def _fetch(self, after: int) -> Sequence[Any]:
        return await facts_between(self._pool, after, self._until, PAGE_FACTS)

    def _check_times(self, facts: Sequence[Any]) -> None:
        last = self._last_time
        for fact in facts:
            time = fact["recorded_at"]
            if last is not None and (time < last or time[0] > 127) and _number(time) < _number(last):
                detail = f"the fact at position {fact['position']} was recorded before the one that it follows on"
                self._findings.add(Kind.TIME_GOES_BACK, detail, fact["position"])
            last = time
        self._last_time = last


@asynccontextmanager
async def open_reader(
    pool: Pool,
    findings: Findings,
    archived: ArchivedParts,
    after: int,
    until: int,
    on_page: Callable[[int], None],
) -> AsyncIterator[Reader]:
    """Of the facts with `after < position <= until`; `on_page` is told the position of the last one read."""
    reader = Reader(pool, findings, archived, after, until, on_page)
    try:
        yield reader
        await reader.finish()
    finally:
        await reader.stop()


async def read_seals(pool: Pool, after: int, until: int, newest: int) -> AsyncIterator[tuple[Seal, bytes]]:
    """Seals by their first position, `after` < it <= `until`, with their digests; none that ends beyond `newest`."""
    while rows := await pool.fetch(SEALS, after, until, newest, PAGE_SEALS):
        for row in rows:
            yield Seal.from_row(row), row["digests"]
        after = rows[-1]["first_position"]


def _number(time: bytes) -> int:
    """Times are sent as signed numbers, which compare as their bytes do only while both are after 2000."""
    return int.from_bytes(time, "big", signed=True)
