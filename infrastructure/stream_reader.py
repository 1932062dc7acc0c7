"""Group read: whatever streams are asked for while earlier reads are under way are read together."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import asyncpg

from infrastructure.database import NO_ROOM, Pool

MAX_UNDER_WAY = 4
"""Reads at a time: a long stream holds up those that were asked for together with it, and never all."""
MAX_GROUP_CALLERS = 256


class _Waiting(NamedTuple):
    streams: Collection[str]
    rows: "asyncio.Future[Sequence[Any]]"
    until: float


class StreamReader:
    """`sql` takes an array of streams, then the other `arguments`, and gives rows with a column `stream`. Belongs to
    one event loop.

    A read begins after it was asked for, so it sees everything that was committed before. Nobody waits for one to begin
    for longer than for a connection of the pool."""

    def __init__(self, pool: Pool, sql: str, *arguments: object) -> None:
        self._pool, self._sql, self._arguments = pool, sql, arguments
        self._queue: list[_Waiting] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._watch: asyncio.TimerHandle | None = None

    async def rows(self, streams: Collection[str]) -> Sequence[Any]:
        """The rows of these streams, each stream's in the order that the statement gives. Raises asyncpg's errors."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(streams, loop.create_future(), loop.time() + self._pool.room_within_s)
        self._queue.append(waiting)
        if len(self._under_way) < MAX_UNDER_WAY:
            task = asyncio.create_task(self._read_on())
            self._under_way.add(task)
        elif self._watch is None:
            self._watch = loop.call_at(waiting.until, self._turn_away)
        return await waiting.rows

    def _turn_away(self) -> None:
        """Tell those whose time is up. One timer does for all: who asked first is first in the queue."""
        loop = asyncio.get_running_loop()
        late = list(takewhile(lambda each: each.until <= loop.time(), self._queue))
        del self._queue[: len(late)]
        _fail(late, asyncpg.TooManyConnectionsError(NO_ROOM))
        self._watch = loop.call_at(self._queue[0].until, self._turn_away) if self._queue else None

    async def _read_on(self) -> None:
        try:
            while self._queue:
                group, self._queue = self._queue[:MAX_GROUP_CALLERS], self._queue[MAX_GROUP_CALLERS:]
                await self._read(group)
        finally:
            # Here, not in a callback: whoever asks after the last look at the queue must find that nobody looks.
            if (task := asyncio.current_task()) is not None:
                self._under_way.discard(task)

    async def _read(self, group: Sequence[_Waiting]) -> None:
        by_stream: dict[str, list[Any]] = defaultdict(list)
        try:
            wanted = list({stream for each in group for stream in each.streams})
            for row in await self._pool.fetch(self._sql, wanted, *self._arguments):
                by_stream[row["stream"]].append(row)
        except (asyncpg.DataError, ValueError) as error:
            if len(group) > 1:  # one name is at fault: alone, each fails or succeeds for itself
                for each in group:
                    await self._read([each])
                return
            _fail(group, error)
            return
        except Exception as error:
            _fail(group, error)
            return
        for each in group:
            if not each.rows.done():  # else its caller has gone
                each.rows.set_result([row for stream in dict.fromkeys(each.streams) for row in by_stream[stream]])


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for each in group:
        if not each.rows.done():
            each.rows.set_exception(error)
