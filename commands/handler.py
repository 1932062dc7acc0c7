"""Taking commands: read what the decision needs, decide, append; again if someone else was first.

States are kept in memory together with facts that are still on their way to disk, so commands on one hot stream
decide one on top of the other and travel in one batch. Two rules make that safe. An answer goes out only after the
commit. And a refusal, or a finding that nothing is to be done, is final only if everything it rests on is committed
and current. The cache is a baseline only: the version check of the append is the judge.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from commands import DECIDERS, Command
from commands.decider import Ref
from commands.rejections import Rejected, VersionMismatch
from events import Event, stream_of
from events.store import (
    Append,
    Appended,
    Conflict,
    EventStore,
    IdempotencyKey,
    Metadata,
    StoreBusy,
    StreamArchived,
    Ticket,
)

S = TypeVar("S")

MAX_ATTEMPTS = 40
MAX_FACTS_WARMED = 20_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.001, 0.1


@dataclass(frozen=True, slots=True)
class Done:
    """What a command led to: facts stored up to `position`, and the version of every stream it read or wrote."""

    events: Sequence[Event]
    versions: Mapping[str, int]
    position: int
    replayed: bytes | None = None
    """The first answer, if this was a repetition of a request with the same idempotency key."""


@dataclass(frozen=True, slots=True)
class Once:
    """Make a command happen once: the key, a hash of the whole request, and how to put the answer into bytes.

    The answer is made before the position is known: it is stored in the same transaction as the facts."""

    key: str
    request_hash: bytes
    answer: Callable[[Done], bytes] = lambda done: b""


class KeyReused(Rejected):
    """The idempotency key was used for another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with another request before.")


class KeyInFlight(Rejected):
    """The same request is being worked on right now."""

    code = "idempotency_key_in_flight"

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is under way. Ask again in a moment.")


@dataclass(slots=True)
class _Entry:
    """A stream as this process knows it: `pending` is the append that its newest facts travel in, with its `ticket`,
    and `moved_by` the append of this process that leads beyond it."""

    version: int
    state: Any
    pending: "asyncio.Task[Appended] | None" = None
    ticket: Ticket | None = None
    moved_by: "asyncio.Task[Appended] | None" = None


class _Unread(Exception):
    """A decision asked for streams that are not in memory: read them, and decide again."""

    def __init__(self, refs: Sequence[Ref[Any]]) -> None:
        self.refs = refs


@dataclass(slots=True)
class _Reading:
    """What one decision has looked at, and the states that its own facts have led to so far."""

    cache: "OrderedDict[str, _Entry]"
    seen: dict[str, _Entry] = field(default_factory=dict)
    folds: dict[str, Ref[Any]] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)

    def __call__(self, ref: Ref[S]) -> S:
        return self.all([ref])[0]

    def all(self, refs: Sequence[Ref[S]]) -> list[S]:
        unread = [ref for ref in refs if ref.stream not in self.states and ref.stream not in self.cache]
        if unread:
            raise _Unread(unread)
        for ref in refs:
            if ref.stream not in self.states:
                entry = self.cache[ref.stream]
                self.cache.move_to_end(ref.stream)
                self.seen[ref.stream], self.folds[ref.stream] = entry, ref
                self.states[ref.stream] = entry.state
        return [self.states[ref.stream] for ref in refs]

    def evolve(self, events: Sequence[Event]) -> None:
        """Raises KeyError for a fact of a stream never read: what a decision cannot guard it may not write."""
        for event in events:
            stream = stream_of(event)
            self.states[stream] = self.folds[stream].fold.evolve(self.states[stream], event)


class Handler:
    """Takes commands of every kind. One per process; all methods belong to its event loop."""

    def __init__(self, store: EventStore, *, cached_streams: int = 50_000) -> None:
        self._store = store
        self._cached_streams = cached_streams
        self._cache: OrderedDict[str, _Entry] = OrderedDict()
        self._keys_in_flight: set[str] = set()

    async def __call__(
        self,
        *commands: Command,
        metadata: Metadata | None = None,
        occurred_at: datetime | None = None,
        once: Once | None = None,
        expected: Mapping[Ref[Any], int] | None = None,
    ) -> Done:
        """Decide these commands one after the other and store all that follows in one transaction, or nothing.

        `expected` are versions that the caller insists on. Raises Rejected with the reason why not, StreamArchived,
        StoreBusy, AppendRefused, or Unacknowledged if the store could not say whether it was done.
        """
        metadata = metadata or Metadata(command=type(commands[0]).__name__)
        if once is None:
            return await self._handle(commands, metadata, occurred_at, None, expected or {})
        if once.key in self._keys_in_flight:
            raise KeyInFlight
        self._keys_in_flight.add(once.key)
        try:
            return await self._handle(commands, metadata, occurred_at, once, expected or {})
        finally:
            self._keys_in_flight.discard(once.key)

    async def read(self, ref: Ref[S]) -> S:
        """The present, committed state of a stream."""
        return (await self._folded([ref]))[ref.stream].state  # type: ignore[no-any-return]

    async def versions(self, refs: Collection[Ref[Any]]) -> Mapping[str, int]:
        """The committed version of each stream; 0 for one that does not exist."""
        return await self._store.versions([ref.stream for ref in refs])

    async def warm(self, refs: Collection[Ref[Any]]) -> None:
        """Read ahead what commands are about to need, in few round trips and in pages of bounded size."""
        unknown = {ref.stream: ref for ref in refs if ref.stream not in self._cache}
        versions = await self._store.versions(list(unknown)) if unknown else {}
        page: list[Ref[Any]] = []
        facts = 0
        for stream, ref in unknown.items():
            if versions[stream] == 0:
                self._cache.setdefault(stream, _Entry(0, ref.fold.initial))
                continue
            if page and facts + versions[stream] > MAX_FACTS_WARMED:
                await self._load(page)
                page, facts = [], 0
            page.append(ref)
            facts += versions[stream]
        if page:
            await self._load(page)

    def forget(self, refs: Collection[Ref[Any]]) -> None:
        """No command is going to need these soon: they need not be kept in memory."""
        self._forget(*(ref.stream for ref in refs))

    async def _handle(
        self,
        commands: Sequence[Command],
        metadata: Metadata,
        occurred_at: datetime | None,
        once: Once | None,
        expected: Mapping[Ref[Any], int],
    ) -> Done:
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                await asyncio.sleep(random.random() * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt))
            try:
                reading, decision = await self._decide(commands, expected)
            except StreamArchived as archived:
                return await self._refuse(archived, once)
            if isinstance(decision, Rejected) or (not decision and once is None):
                if not await self._is_final(reading):
                    continue
                if isinstance(decision, Rejected):
                    return await self._refuse(decision, once)
                versions = {stream: entry.version for stream, entry in reading.seen.items()}
                return Done((), versions, await self._store.head())
            task, done = self._enqueue(reading, decision, metadata, occurred_at, once)
            try:
                appended = await asyncio.shield(task)
            except Conflict:
                await self._forget_moved(reading)
                continue
            if appended.replayed is not None:
                return _replayed(appended.replayed, appended.position, once)
            return Done(done.events, done.versions, appended.position)
        raise StoreBusy("others were first every time")

    async def _decide(
        self, commands: Sequence[Command], expected: Mapping[Ref[Any], int]
    ) -> tuple[_Reading, Sequence[Event] | Rejected]:
        """Run the deciders until everything they ask for is in memory. Nothing is awaited after the last read."""
        while True:
            reading = _Reading(self._cache)
            events: list[Event] = []
            try:
                for ref, version in expected.items():
                    reading(ref)
                    if (current := reading.seen[ref.stream].version) != version:
                        raise VersionMismatch(version, current)
                for command in commands:
                    facts = DECIDERS[type(command)](command, reading)
                    reading.evolve(facts)
                    events += facts
                return reading, events
            except _Unread as unread:
                await self._load(unread.refs)
            except Rejected as refusal:
                return reading, refusal

    def _enqueue(
        self,
        reading: _Reading,
        events: Sequence[Event],
        metadata: Metadata,
        occurred_at: datetime | None,
        once: Once | None,
    ) -> "tuple[asyncio.Task[Appended], Done]":
        """Hand the append over and let the next decision build on it. Must not await: the order of decisions is the
        order of appends."""
        expected = {stream: entry.version for stream, entry in reading.seen.items()}
        versions = dict(expected)
        for event in events:
            versions[stream_of(event)] += 1
        done = Done(events, versions, 0)
        key = IdempotencyKey(once.key, once.request_hash, once.answer(done)) if once else None
        after = {stream: entry.ticket for stream, entry in reading.seen.items() if entry.ticket is not None}
        append = Append(events, expected, metadata, occurred_at, key, after=after)
        task = asyncio.ensure_future(self._store.append(append))
        written = [stream for stream, version in versions.items() if version != expected[stream]]
        task.add_done_callback(lambda task: self._settle(task, written))
        for stream in written:
            reading.seen[stream].moved_by = task
            self._cache[stream] = _Entry(versions[stream], reading.states[stream], task, append.ticket)
            self._cache.move_to_end(stream)
        self._trim()
        return task, done

    def _settle(self, task: "asyncio.Task[Appended]", written: Collection[str]) -> None:
        """Runs before those who wait for the append go on: nobody may build on facts that were not written."""
        if not _wrote(task):
            self._forget(*written)
            if not task.cancelled() and isinstance(conflict := task.exception(), Conflict):
                self._forget(conflict.stream)
            return
        for stream in written:
            if (entry := self._cache.get(stream)) is not None and entry.pending is task:
                entry.pending = entry.ticket = None

    async def _is_final(self, reading: _Reading) -> bool:
        """Whether all that a refusal rests on is committed, and was the present when it was decided.

        A stream that has moved since was at the version seen if this process moved it: its append said so."""
        self._trim()
        if not await _written([entry.pending for entry in reading.seen.values()]):
            return False
        current = await self._store.versions(list(reading.seen))
        moved = {stream: entry for stream, entry in reading.seen.items() if current[stream] != entry.version}
        stale = [stream for stream, entry in moved.items() if entry.moved_by is None]
        self._forget(*stale)
        return not stale and await _written([entry.moved_by for entry in moved.values()])

    async def _forget_moved(self, reading: _Reading) -> None:
        """Of all that a decision read, drop what others have moved: not only what its append stumbled over first."""
        current = await self._store.versions(list(reading.seen))
        for stream, entry in reading.seen.items():
            if current[stream] > entry.version and self._cache.get(stream) is entry:
                self._forget(stream)

    async def _refuse(self, refusal: Rejected | StreamArchived, once: Once | None) -> Done:
        """A repetition may be refused by what its first run has changed (the cart is empty by now): the key knows."""
        if once is not None and (known := await self._store.recall(once.key)) is not None:
            key, appended = known
            return _replayed(key, appended.position, once)
        raise refusal

    async def _load(self, refs: Sequence[Ref[Any]]) -> None:
        for stream, entry in (await self._folded(refs)).items():
            self._cache.setdefault(stream, entry)

    async def _folded(self, refs: Sequence[Ref[Any]]) -> dict[str, _Entry]:
        recorded = await self._store.read([ref.stream for ref in refs])
        loaded = {ref.stream: _Entry(0, ref.fold.initial) for ref in refs}
        evolve = {ref.stream: ref.fold.evolve for ref in refs}
        for fact in recorded:
            entry = loaded[fact.stream]
            entry.state, entry.version = evolve[fact.stream](entry.state, fact.event), fact.version
        return loaded

    def _trim(self) -> None:
        while len(self._cache) > self._cached_streams:
            self._cache.popitem(last=False)

    def _forget(self, *streams: str) -> None:
        for stream in streams:
            self._cache.pop(stream, None)


def _replayed(key: IdempotencyKey, position: int, once: Once | None) -> Done:
    if once is None or key.request_hash != once.request_hash:
        raise KeyReused
    return Done((), {}, position, key.answer)


async def _written(appends: Sequence["asyncio.Task[Appended] | None"]) -> bool:
    tasks = {task for task in appends if task is not None}
    if tasks:
        await asyncio.wait(tasks)
    return all(map(_wrote, tasks))


def _wrote(task: "asyncio.Task[Appended]") -> bool:
    return not task.cancelled() and task.exception() is None and task.result().replayed is None
