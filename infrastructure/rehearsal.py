"""A book for dry runs: it reads what is stored, takes every append, and keeps nothing of it but the version."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from events import stream_of
from events.store import Append, Appended, EventStore, IdempotencyKey, Outcome, Recorded, told

STREAMS_KEPT = 50_000
"""Of a stream rehearsed longer ago only what is stored is known. Its handler must keep more, or it would wait for
states that nobody has."""


class Rehearsal:
    """The `EventStore` port for one handler, which alone knows the states that rehearsed facts led to.

    It judges no versions: its handler decides one append on top of the other, and others' appends do not matter."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._versions: OrderedDict[str, int] = OrderedDict()

    async def append(self, append: Append) -> Appended:
        for event in append.events:
            stream = stream_of(event)
            self._versions.setdefault(stream, append.expected[stream])
            self._versions[stream] += 1
            self._versions.move_to_end(stream)
        while len(self._versions) > STREAMS_KEPT:
            self._versions.popitem(last=False)
        append.ticket.stored = True
        return Appended(0, datetime.now(UTC))

    def send(self, append: Append, tell: Callable[[Outcome], None]) -> None:
        told(self.append(append), tell)

    async def read(self, streams: Collection[str]) -> Sequence[Recorded]:
        return await self._store.read(streams)

    async def versions(self, streams: Collection[str]) -> Mapping[str, int]:
        unknown = [stream for stream in streams if stream not in self._versions]
        stored = await self._store.versions(unknown) if unknown else {}
        return {stream: self._versions.get(stream, stored.get(stream, 0)) for stream in streams}

    async def read_all(self, after: int, *, limit: int, types: Collection[str] = ()) -> Sequence[Recorded]:
        return await self._store.read_all(after, limit=limit, types=types)

    async def recall(self, key: str) -> tuple[IdempotencyKey, Appended] | None:
        return await self._store.recall(key)

    async def head(self) -> int:
        return await self._store.head()
