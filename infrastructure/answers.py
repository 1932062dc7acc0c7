"""Answers through the cache: whoever comes first to a cold one fetches it, and the others wait for that one.

An answer from Redis is good while nothing that it rests on has changed since the position it was read at. Who asks
for a certain position gets none that is older: either we have heard of all changes up to there, or it was read there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from infrastructure.cache import RedisCache
from infrastructure.near_cache import NearCache

Make = Callable[[], Awaitable[tuple[int, bytes | None]]]
"""Reads the tables: the position they were at before, and the bytes, or None if there is no such thing."""

OTHERS_TURN_S = 1.0
"""So long we wait for another process that is fetching the same; a fetch that takes longer is nobody's to wait for."""
LOOK_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is, and what it rests on: it is dropped when `changes` of the `changes_of` kind are."""

    kind: str
    identity: str
    projections: Sequence[str]
    changes_of: str
    changes: str


class Answers:
    def __init__(self, cache: RedisCache, near: NearCache) -> None:
        self._cache, self._near = cache, near
        self._fetching: dict[tuple[str, str], asyncio.Task[tuple[int, bytes | None]]] = {}

    async def get(self, subject: Subject, make: Make, *, at_least: int = 0) -> tuple[int, bytes | None]:
        """The bytes and the position they stand for. Raises what `make` raises."""
        key = subject.kind, subject.identity
        task = self._fetching.get(key)
        if task is None:
            task = self._fetching[key] = asyncio.create_task(self._fetched(subject, make, at_least))
            task.add_done_callback(lambda done: self._done(key, done))
        try:
            # Shielded: the first to ask may go away, and the others still wait.
            position, body = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                return await make()
            raise
        if position >= at_least:
            return position, body
        return await make()

    def _done(self, key: tuple[str, str], task: "asyncio.Task[tuple[int, bytes | None]]") -> None:
        if self._fetching.get(key) is task:
            del self._fetching[key]
        if not task.cancelled():
            task.exception()  # whoever waits raises it; nobody may be waiting any more

    async def _fetched(self, subject: Subject, make: Make, at_least: int) -> tuple[int, bytes | None]:
        held = await self._held(subject, at_least)
        if held is not None:
            return held
        turn = await self._cache.take_turn(subject.kind, subject.identity, OTHERS_TURN_S)
        if turn is None:
            deadline = asyncio.get_running_loop().time() + OTHERS_TURN_S
            while asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(LOOK_AGAIN_S)
                held = await self._held(subject, at_least)
                if held is not None:
                    return held
        position, body = await make()
        if body is not None:
            await self._cache.put(subject.kind, subject.identity, position, body)
        if turn:
            await self._cache.give_turn(subject.kind, subject.identity, turn)
        return position, body

    async def _held(self, subject: Subject, at_least: int) -> tuple[int, bytes | None] | None:
        """What Redis holds, if it is good; and as far as we have heard of everything, it stands for that."""
        held = await self._cache.get(subject.kind, subject.identity, changed=(subject.changes_of, subject.changes))
        if held is None:
            return None
        position, body = held
        if self._near.is_current(subject.changes_of, subject.changes, position):
            position = max(position, self._near.heard(subject.projections))
        elif self._near.listening:  # we have heard of a change, even if Redis could not be told
            return None
        return (position, body) if position >= at_least else None
