"""The book of original entry in memory, for unit tests: the `EventStore` port, held to the same examination."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from events.store import (
    NONE_PASSED,
    Append,
    Appended,
    AppendRefused,
    Conflict,
    Escrow,
    IdempotencyKey,
    Outcome,
    Recorded,
    told,
)
from infrastructure.append_call import SEPARATOR
from infrastructure.codec import FactMapper, StoredFact
from infrastructure.raw_append import RawAppend, encoded


class MemoryEventStore:
    """Judges an append as `append_facts` does. Bodies are kept encoded, so what is read is what was written."""

    def __init__(self) -> None:
        self._mapper = FactMapper()
        self._facts: list[StoredFact] = []
        self._streams: dict[str, list[StoredFact]] = {}
        self._balances: dict[str, tuple[int, int]] = {}
        """The balance of a stream, and the version up to which a writer must know the stream to go by it."""
        self._keys: dict[str, tuple[IdempotencyKey, Appended]] = {}
        self._recorded_at = datetime.min.replace(tzinfo=UTC)

    async def append(self, append: Append) -> Appended:
        raw = encoded(append, self._mapper.transcoder, divided=False)
        _check_text([*raw.expected, *(fact.stream for fact in raw.facts)], "\0" + SEPARATOR)
        _check_text([raw.key.key] if raw.key else [], "\0")
        if raw.key is not None and raw.key.key in self._keys:
            return self._keys[raw.key.key][1]
        for stream, expected in raw.expected.items():
            ticket = raw.after.get(stream)
            if not self._is_right(stream, expected, raw.escrows.get(stream)) or (ticket and not ticket.stored):
                raise Conflict(stream, expected, self._version(stream))
        self._recorded_at = max(datetime.now(UTC), self._recorded_at)
        is_later = any(self._version(stream) > expected for stream, expected in raw.expected.items())
        passed = {stream: self._version(stream) for stream in raw.escrows} if is_later else NONE_PASSED
        self._write(raw)
        for stream in {fact.stream for fact in raw.facts}:
            self._move_balance(stream, raw.expected.get(stream, 0), raw.escrows.get(stream))
        raw.ticket.stored = True
        appended = Appended(len(self._facts), self._recorded_at, passed=passed)
        if raw.key is not None:
            self._keys[raw.key.key] = raw.key, Appended(appended.position, appended.recorded_at, replayed=raw.key)
        return appended

    def send(self, append: Append, tell: Callable[[Outcome], None]) -> None:
        told(self.append(append), tell)

    def _is_right(self, stream: str, expected: int, escrow: Escrow | None) -> bool:
        if escrow is None or stream not in self._balances:
            return self._version(stream) == expected
        balance, settled = self._balances[stream]
        if escrow.bounds is not None:
            low, high = escrow.bounds
            return settled <= expected <= self._version(stream) and low <= balance + escrow.delta <= high
        if is_late := self._version(stream) != expected:
            del self._balances[stream]
        return not is_late

    def _move_balance(self, stream: str, expected: int, escrow: Escrow | None) -> None:
        known = self._balances.pop(stream, None)
        if escrow is None:
            return
        if known is not None and escrow.bounds is not None:
            balance, settled = known
            self._balances[stream] = balance + escrow.delta, settled
        elif escrow.before >= 0 and escrow.before + escrow.delta >= 0:
            settled = self._version(stream) if escrow.bounds is None else expected
            self._balances[stream] = escrow.before + escrow.delta, settled

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
