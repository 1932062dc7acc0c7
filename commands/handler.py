"""Taking commands: read what the decision needs, decide, append; again if someone else was first.

States are kept in memory together with facts that are still on their way to disk, so commands on one hot stream
decide one on top of the other and travel in one batch. Two rules make that safe. An answer goes out only after the
commit. And a refusal, or a finding that nothing is to be done, is final only if everything it rests on is committed
and current. The cache is a baseline only: the check of versions and balances by the append is the judge.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from commands import DECIDERS, Command
from commands.decider import Read, Ref
from commands.reading import Reading
from commands.rejections import Rejected, VersionMismatch
from commands.sending import Sending, Watched
from commands.states import Known, Replayed, States
from commands.streams import Streams, Unread
from events import Event
from events.quick import quick
from events.store import Appended, Conflict, EventStore, IdempotencyKey, Metadata, StoreBusy, StreamArchived

S = TypeVar("S")
Decision = Callable[[Reading], Sequence[Event]]

MAX_ATTEMPTS = 40
TOGETHER_ATTEMPTS = 8
"""So many times those who have lost a stream decide again at once, and so together: they travel in one batch."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.001, 0.1


@quick
@dataclass(frozen=True, slots=True)
class Done:
    """What a command led to: facts stored up to `position`, and the version of every stream it read or wrote.

    Of a stream whose facts commute it is the least that it can be: others' facts may have come in between."""

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

    def stored_as(self, done: Done) -> IdempotencyKey:
        return IdempotencyKey(self.key, self.request_hash, self.answer(done))


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


class Handler:
    """Takes commands of every kind. One per process; all methods belong to its event loop.

    Without `states`, streams that are not in memory are folded from their first fact."""

    def __init__(self, store: EventStore, states: States | None = None, *, cached_streams: int = 50_000) -> None:
        self._store = store
        self._states = states or Replayed(store)
        self._streams = Streams(store, self._states, cached_streams)
        self._sending = Sending(store, self._states, self._streams)
        self._keys_in_flight: set[str] = set()

    def __call__(
        self,
        *commands: Command,
        metadata: Metadata | None = None,
        occurred_at: datetime | None = None,
        once: Once | None = None,
        expected: Mapping[Ref[Any], int] | None = None,
    ) -> Coroutine[Any, Any, Done]:
        """Decide these commands one after the other and store all that follows in one transaction, or nothing.

        `expected` are versions that the caller insists on. Raises Rejected with the reason why not, StreamArchived,
        StoreBusy, AppendRefused, or Unacknowledged if the store could not say whether it was done.
        """
        metadata = metadata or Metadata(command=type(commands[0]).__name__)
        decision = _decision(commands, expected or {})
        if once is None:
            return self._handle(decision, metadata, occurred_at, None)
        return self._handle_once(decision, metadata, occurred_at, once)

    async def read(self, ref: Ref[S], *, at_least: int = 0) -> S:
        """The present, committed state of a stream; with `at_least`, one of any version from that on will do.

        Such a state is most often in memory, or from then on. What others add to the stream may be missing in it."""
        if at_least:
            if ref.stream not in self._streams:
                await self._streams.load([ref])
            entry = self._streams.get(ref.stream)
            if entry is not None and entry.pending is None and entry.version >= at_least:
                held: S = entry.state
                return held
        present: S = (await self.known(ref)).state
        return present

    async def known(self, ref: Ref[Any]) -> Known:
        """The present, committed state of a stream, and its version."""
        return (await self._states.read([ref]))[ref.stream]

    async def ask(self, question: Callable[[Read], S]) -> S:
        """What a decision would come to: answered over present, committed states that belong together.

        Raises Rejected with the reason why not, StreamArchived or StoreBusy."""
        for attempt in range(MAX_ATTEMPTS):
            if attempt > TOGETHER_ATTEMPTS:
                await _pause(attempt)
            reading, answer = await self._answer(question, assuming=False)
            if await self._streams.are_final(reading.entries()):
                if isinstance(answer, Rejected):
                    raise answer
                return answer
        raise StoreBusy("others were first every time")

    async def versions(self, refs: Collection[Ref[Any]]) -> Mapping[str, int]:
        """The committed version of each stream; 0 for one that does not exist."""
        return await self._store.versions([ref.stream for ref in refs])

    def watching(self, ref: Ref[Any]) -> AbstractContextManager[Watched]:
        """Told whenever a command of this process has written to the stream."""
        return self._sending.watching(ref)

    async def warm(self, refs: Collection[Ref[Any]]) -> None:
        """Read ahead what commands are about to need, in few round trips and in pages of bounded size."""
        await self._streams.warm(refs)

    def forget(self, refs: Collection[Ref[Any]]) -> None:
        """No command is going to need these soon: they need not be kept in memory."""
        self._streams.forget(*(ref.stream for ref in refs))

    async def _handle_once(
        self, decision: Decision, metadata: Metadata, occurred_at: datetime | None, once: Once
    ) -> Done:
        if once.key in self._keys_in_flight:
            raise KeyInFlight
        self._keys_in_flight.add(once.key)
        try:
            return await self._handle(decision, metadata, occurred_at, once)
        finally:
            self._keys_in_flight.discard(once.key)

    async def _handle(
        self, decision: Decision, metadata: Metadata, occurred_at: datetime | None, once: Once | None
    ) -> Done:
        for attempt in range(MAX_ATTEMPTS):
            if attempt > TOGETHER_ATTEMPTS:
                await _pause(attempt)
            try:
                reading, events = await self._answer(decision, assuming=attempt == 0)
            except StreamArchived as archived:
                return await self._refuse(archived, once)
            if isinstance(events, Rejected) or (not events and once is None):
                if not await self._streams.are_final(reading.entries()):
                    continue
                if isinstance(events, Rejected):
                    return await self._refuse(events, once)
                return Done((), reading.versions(), await self._store.head())
            key = None if once is None else once.stored_as(Done(events, reading.versions(), 0))
            sent = self._sending.send(reading, events, metadata, occurred_at, key)
            await sent.ended()
            match sent.outcome:
                case Appended(position, replayed=None):
                    return Done(events, reading.versions(), position)
                case Appended(position, replayed=IdempotencyKey() as known):
                    return _replayed(known, position, once)
                case Conflict():
                    if attempt > 1:  # at first, what it stumbled over is enough
                        await self._streams.forget_moved(reading.entries())
                case BaseException() as error:
                    raise error.with_traceback(None)  # a whole batch may be told of one
        raise StoreBusy("others were first every time")

    async def _answer(self, question: Callable[[Reading], S], *, assuming: bool) -> tuple[Reading, S | Rejected]:
        """Ask until everything it looks up is in memory. Nothing is awaited after the last read."""
        while True:
            reading = Reading(self._streams, assuming)
            try:
                return reading, question(reading)
            except Unread as unread:
                await self._streams.load(unread.refs)
            except Rejected as refusal:
                return reading, refusal

    async def _refuse(self, refusal: Rejected | StreamArchived, once: Once | None) -> Done:
        """A repetition may be refused by what its first run has changed (the cart is empty by now): the key knows."""
        if once is not None and (known := await self._store.recall(once.key)) is not None:
            key, appended = known
            return _replayed(key, appended.position, once)
        raise refusal


def _decision(commands: Sequence[Command], expected: Mapping[Ref[Any], int]) -> Decision:
    def decide(reading: Reading) -> Sequence[Event]:
        events: list[Event] = []
        for ref, version in expected.items():
            if (current := reading.insist(ref)) != version:
                raise VersionMismatch(version, current)
        for command in commands:
            facts = DECIDERS[type(command)](command, reading)
            reading.evolve(facts)
            events += facts
        return events

    return decide


async def _pause(attempt: int) -> None:
    """Longer and longer."""
    pause_s = FIRST_PAUSE_S * 2 ** (attempt - TOGETHER_ATTEMPTS)
    await asyncio.sleep(random.random() * min(LONGEST_PAUSE_S, pause_s))


def _replayed(key: IdempotencyKey, position: int, once: Once | None) -> Done:
    if once is None or key.request_hash != once.request_hash:
        raise KeyReused
    return Done((), {}, position, key.answer)
