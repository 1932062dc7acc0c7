"""Answers through the cache: whoever comes first to a cold one fetches it, and the others wait for that one.

What is fetched as quickly as it is looked up in Redis is not looked up there by the first who asks in a process; and
what nearly nobody asks for again is put there only for the second.

An answer from Redis is good while nothing that it rests on has changed since the position it was read at. Who asks
for a certain position gets none that is older: either we have heard of all changes up to there, or it was read there.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from infrastructure.cache import TTL_S, RedisCache
from infrastructure.near_cache import NearCache

Make = Callable[[], Awaitable[tuple[int, bytes | None]]]
"""Reads the tables: the position they were at before, and the bytes, or None if there is no such thing."""

OTHERS_TURN_S = 1.0
"""So long we wait for another process that is fetching the same; a fetch that takes longer is nobody's to wait for."""
LOOK_AGAIN_S = 0.02
PUTTING_MAX = 100
ASKED_KEPT = 10_000
"""So many quick subjects are remembered as asked for."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is, and what it rests on: it is dropped when `changes` of the `changes_of` kind are."""

    kind: str
    identity: str
    projections: Sequence[str]
    changes_of: str
    changes: str
    is_quick: bool = False
    """Whether to fetch it takes no longer than to look for it in Redis."""
    is_rare: bool = False
    """Whether most that are like it are asked for only once."""


class Answer(NamedTuple):
    """The bytes, the position they stand for, what was known of generations before they were read, and for how many
    seconds they may be kept."""

    position: int
    body: bytes | None
    generation: int
    good_for_s: float = TTL_S


class Answers:
    def __init__(self, cache: RedisCache, near: NearCache) -> None:
        self._cache, self._near = cache, near
        self._putting: set[asyncio.Task[None]] = set()
        self._fetching: dict[tuple[str, str, int], asyncio.Task[Answer]] = {}
        self._asked: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def close(self) -> None:
        """Wait for what is on its way into the cache."""
        await asyncio.gather(*self._putting, return_exceptions=True)

    async def get(self, subject: Subject, make: Make, *, at_least: int = 0) -> Answer:
        """An answer that stands for `at_least` or more. Raises what `make` raises."""
        key = subject.kind, subject.identity, self._near.generation
        task = self._fetching.get(key)
        if task is None:
            task = self._fetching[key] = asyncio.create_task(self._fetched(subject, make, at_least))
            task.add_done_callback(lambda done: self._done(key, done))
        try:
            # Shielded: the first to ask may go away, and the others still wait.
            answer = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                return await self.made(make)
            raise
        return answer if answer.position >= at_least else await self.made(make)

    async def made(self, make: Make) -> Answer:
        """Past the cache."""
        generation = self._near.generation
        position, body = await make()
        return Answer(position, body, generation)

    def _done(self, key: tuple[str, str, int], task: asyncio.Task[Answer]) -> None:
        if self._fetching.get(key) is task:
            del self._fetching[key]
        if not task.cancelled():
            task.exception()  # whoever waits raises it; nobody may be waiting any more

    async def _fetched(self, subject: Subject, make: Make, at_least: int) -> Answer:
        is_first = subject.is_quick and self._is_first(subject)
        held, turn = self._not_looked(subject) if is_first else await self._look(subject, at_least)
        deadline = asyncio.get_running_loop().time() + OTHERS_TURN_S
        while held is None and turn is None and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(LOOK_AGAIN_S)
            held, turn = await self._look(subject, at_least)
        if held is not None:
            return held
        made = await self.made(make)
        if made.body is not None and not (is_first and subject.is_rare):
            # Nobody waits for Redis to have it, unless it cannot keep up.
            put = asyncio.create_task(
                self._cache.put(
                    subject.kind, subject.identity, made.position, made.body, turn or "", generation=made.generation
                )
            )
            self._putting.add(put)
            put.add_done_callback(self._putting.discard)
            if len(self._putting) > PUTTING_MAX:
                await put
        return made

    def _is_first(self, subject: Subject) -> bool:
        """Whether nobody has asked for it here, as far as we remember."""
        key = subject.kind, subject.identity
        is_first = key not in self._asked
        self._asked[key] = None
        self._asked.move_to_end(key)
        if len(self._asked) > ASKED_KEPT:
            self._asked.popitem(last=False)
        return is_first

    def _not_looked(self, subject: Subject) -> tuple[None, str]:
        self._cache.not_looked(subject.kind)
        return None, ""

    async def _look(self, subject: Subject, at_least: int) -> tuple[Answer | None, str | None]:
        """What Redis holds, if it is good; and as far as we have heard of everything, it stands for that."""
        changed, generation = (subject.changes_of, subject.changes), self._near.generation
        held, turn = await self._cache.look(
            subject.kind, subject.identity, changed, OTHERS_TURN_S, generation=generation
        )
        if held is None:
            return None, turn
        position = held.position
        if self._near.is_current(*changed, position):
            position = max(position, self._near.heard(subject.projections))
        elif self._near.is_overtaken(*changed, position):
            return None, ""
        found = Answer(position, held.body, generation, held.good_for_s)
        return (found, None) if position >= at_least else (None, "")
