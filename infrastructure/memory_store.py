"""The book of original entry in memory, for unit tests: the `EventStore` port, held to the same examination."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from events.store import Append, Appended, AppendRefused, Conflict, IdempotencyKey, Recorded
from infrastructure.append_call import SEPARATOR
from infrastructure.codec import FactMapper, StoredFact
from infrastructure.raw_append import RawAppend, encoded


class MemoryEventStore:
    """Judges an append as `append_facts` does. Bodies are kept encoded, so what is read is what was written."""

    def __init__(self) -> None:
        self._mapper = FactMapper()
        self._facts: list[StoredFact] = []
        self._streams: dict[str, list[StoredFact]] = {}
        self._keys: dict[str, tuple[IdempotencyKey, Appended]] = {}
        self._recorded_at = datetime.min.replace(tzinfo=UTC)

    async def append(self, append: Append) -> Appended:
        raw = encoded(append, self._mapper.transcoder)
        _check_text([*raw.expected, *(fact.stream for fact in raw.facts)], "\0" + SEPARATOR)
        _check_text([raw.key.key] if raw.key else [], "\0")
        if raw.key is not None and raw.key.key in self._keys:
            return self._keys[raw.key.key][1]
        for stream, expected in raw.expected.items():
            ticket = raw.after.get(stream)
            if (actual := self._version(stream)) != expected or (ticket is not None and not ticket.stored):
                raise Conflict(stream, expected, actual)
        self._recorded_at = max(datetime.now(UTC), self._recorded_at)
        self._write(raw)
        raw.ticket.stored = True
        appended = Appended(len(self._facts), self._recorded_at)
        if raw.key is not None:
            self._keys[raw.key.key] = raw.key, Appended(appended.position, appended.recorded_at, replayed=raw.key)
        return appended

    def _write(self, raw: RawAppend) -> None:
        for fact in raw.facts:
            stored = StoredFact(
                originator_id=fact.stream,
                originator_version=self._version(fact.stream) + 1,
                topic=fact.type,
                state=fact.body.encode(),
                id=len(self._facts) + 1,
                fact_id=UUID(fact.id),
                schema_version=fact.schema_version,
                metadata=raw.metadata.encode(),
                occurred_at=fact.occurred_at or self._recorded_at,
                recorded_at=self._recorded_at,
            )
            self._facts.append(stored)
            self._streams.setdefault(fact.stream, []).append(stored)

    async def read(self, streams: Collection[str]) -> Sequence[Recorded]:
        return self._decoded(fact for stream in sorted(set(streams)) for fact in self._streams.get(stream, ()))

    async def versions(self, streams: Collection[str]) -> Mapping[str, int]:
        return {stream: self._version(stream) for stream in streams}

    async def read_all(self, after: int, *, limit: int, types: Collection[str] = ()) -> Sequence[Recorded]:
        wanted = [fact for fact in self._facts[max(after, 0) :] if not types or fact.topic in types]
        return self._decoded(wanted[:limit])

    async def recall(self, key: str) -> tuple[IdempotencyKey, Appended] | None:
        return self._keys.get(key)

    async def head(self) -> int:
        return len(self._facts)

    def _version(self, stream: str) -> int:
        return len(self._streams.get(stream, ()))

    def _decoded(self, facts: Iterable[StoredFact]) -> list[Recorded]:
        return [self._mapper.to_domain_event(fact) for fact in facts]


def _check_text(texts: Iterable[str], evil: str) -> None:
    """Raises AppendRefused for what cannot be a name in PostgreSQL."""
    for text in texts:
        if any(character in text for character in evil):
            raise AppendRefused(f"names cannot hold any of the characters {evil!a}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise AppendRefused(str(error)) from error
