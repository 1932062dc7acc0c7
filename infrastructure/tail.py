"""The feed for consumers: the book from any position on, and the newest facts read once for everyone who listens."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg
import structlog

from infrastructure.codec import StoredFact
from infrastructure.database import UNREACHABLE, Pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.feed import read_feed
from infrastructure.metrics import Metrics
from infrastructure.positions import HEAD, Positions
from infrastructure.ring import Page, Ring, Wanted, line_of

POLL_S = 1.0
TAIL_FACTS = 1_000
"""As many new facts are read at a time."""
PAGE_FACTS = 200
"""As many are read at a time for one consumer: what a slow one keeps in memory is about this much."""
READING_AT_ONCE = 4
"""Pages of the past that are read side by side: those who catch up must not keep commands from the database."""
START_S = 0.05
PACE_S = 0.02
WOKEN_AT_ONCE = 50
"""Then whatever else there is to do has its turn: a request must not wait for thousands of listeners."""
FAN_OUT_SHARE = 0.5
"""Waking thousands of listeners takes time; at most this share of the event loop's goes into it."""

Encode = Callable[[StoredFact], bytes]

log = structlog.get_logger(__name__)


class TooManyListeners(Exception):
    """This process serves as many as it may."""


@dataclass(eq=False, slots=True)
class _Waiter:
    """`quiet_to` is set when a wanted fact has come: the position up to which there was none."""

    awake: asyncio.Future[None]
    quiet_to: int | None = None

    def wake(self) -> None:
        if not self.awake.done():
            self.awake.set_result(None)


class Tail:
    """One for each process. Reads the end of the book while anyone listens; those who are behind read for themselves.

    A page is made when its consumer has taken the one before, so nobody is buffered for.
    """

    def __init__(
        self,
        pool: Pool,
        store: PostgresEventStore,
        positions: Positions,
        encode: Encode,
        *,
        listeners_max: int,
        metrics: Metrics | None = None,
    ) -> None:
        self._pool, self._store, self._positions, self._encode = pool, store, positions, encode
        self.listeners_max = listeners_max
        self._metrics = metrics or Metrics()
        self.new_ring: Callable[[int], Ring] = Ring
        self._reading = asyncio.Semaphore(READING_AT_ONCE)
        self._waiting: dict[Wanted, set[_Waiter]] = {}
        self._ring: Ring | None = None
        self._needed = asyncio.Event()
        self.listeners = 0
        self.closed = False

    @contextmanager
    def seat(self) -> Iterator[None]:
        """A listener's place. Raises TooManyListeners."""
        if self.closed or self.listeners >= self.listeners_max:
            raise TooManyListeners
        self.listeners += 1
        self._metrics.listeners.inc()
        self._needed.set()
        try:
            yield
        finally:
            self.listeners -= 1
            self._metrics.listeners.dec()
            if not self.listeners:
                self._needed.clear()

    def close(self) -> None:
        """Every `follow` ends."""
        self.closed = True
        for waiter in [waiter for group in self._waiting.values() for waiter in group]:
            waiter.wake()

    async def history(self, after: int, until: int, wanted: Wanted, encode: Encode) -> AsyncIterator[Page]:
        """The facts beyond `after` up to `until`. Raises infrastructure.database.UNREACHABLE."""
        while after < until:
            page = await self._past(after, wanted, encode, until)
            after = page.position
            yield page

    async def follow(self, after: int, wanted: Wanted, *, heartbeat_s: float, last_s: float) -> AsyncIterator[Page]:
        """The facts beyond `after`, then those to come, for `last_s` seconds or until closed; needs a `seat`.

        After `heartbeat_s` without a wanted fact comes an empty page, with the position that is reached."""
        loop = asyncio.get_running_loop()
        end = loop.time() + last_s
        while not self.closed and (left_s := end - loop.time()) > 0:
            ring = self._ring
            if ring is None or after < ring.begin:
                page = await self._past_if_there(after, wanted)
                if page.position == after:  # at the end of the book, and it is not being read yet
                    await asyncio.sleep(START_S)
                    continue
            else:
                page = ring.after(after, wanted)
                if not page.facts:
                    quiet_to = await self._quiet(wanted, min(heartbeat_s, left_s))
                    if quiet_to is not None:
                        after = max(page.position, quiet_to)
                        continue
                    page = Page((), max(page.position, ring.end))
            after = page.position
            yield page

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        while True:
            await self._needed.wait()
            try:
                await self._read_on()
            except (*UNREACHABLE, asyncpg.PostgresError) as error:
                log.warning("tail_interrupted", error=str(error))
                await asyncio.sleep(POLL_S)

    async def _read_on(self) -> None:
        ring = self._ring = self._ring or self.new_ring(await self._store.head())
        while self.listeners:
            if await self._positions.reach(HEAD, ring.end + 1, POLL_S):
                facts = await self._store.stored_all(ring.end, limit=TAIL_FACTS)
                await self._publish(ring, facts)
            else:
                await self._store.head()  # what nobody has told of is noticed within a second
        self._ring = None

    async def _publish(self, ring: Ring, facts: Sequence[StoredFact]) -> None:
        """Wake those who want one of these; then rest in proportion to the time that this took."""
        before, lines = ring.end, [line_of(fact, self._encode(fact)) for fact in facts]
        ring.extend(lines)
        # All at once, before anyone else has a turn: whoever gives up waiting now must not pass over these facts.
        woken = [waiter for wanted, group in self._waiting.items() if any(map(wanted, lines)) for waiter in group]
        for waiter in woken:
            waiter.quiet_to = before
        began = time.perf_counter()
        for place in range(0, len(woken), WOKEN_AT_ONCE):
            for waiter in woken[place : place + WOKEN_AT_ONCE]:
                waiter.wake()
            await asyncio.sleep(0)
        await asyncio.sleep(max(PACE_S, (time.perf_counter() - began) * (1 / FAN_OUT_SHARE - 1)))

    async def _past_if_there(self, after: int, wanted: Wanted) -> Page:
        """A database that is away is waited for: consumers that are connected already need not connect again."""
        try:
            return await self._past(after, wanted, self._encode)
        except UNREACHABLE as error:
            log.warning("feed_interrupted", error=str(error))
            await asyncio.sleep(POLL_S)
            return Page((), after)

    async def _past(self, after: int, wanted: Wanted, encode: Encode, until: int | None = None) -> Page:
        async with self._reading:
            page = await read_feed(self._pool, after=after, limit=PAGE_FACTS, filters=wanted.filters(), until=until)
        return Page([encode(fact) for fact in page.facts], page.next_after)

    async def _quiet(self, wanted: Wanted, timeout_s: float) -> int | None:
        """Wait for a wanted fact; the position up to which there was none. None: there was none at all in time."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future())
        timer = loop.call_later(timeout_s, waiter.wake)
        group = self._waiting.setdefault(wanted, set())
        group.add(waiter)
        try:
            await waiter.awake
        finally:
            timer.cancel()
            group.discard(waiter)
            if not group and self._waiting.get(wanted) is group:
                del self._waiting[wanted]
        return waiter.quiet_to
