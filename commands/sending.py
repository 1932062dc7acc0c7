"""Appends on their way: the next decision builds on their facts, and what became of each of them is taken in."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from commands.decider import Ref
from commands.reading import Reading
from commands.states import Known, States
from commands.streams import Entry, Sent, Streams
from events import Event
from events.store import Append, Appended, Conflict, EventStore, IdempotencyKey, Metadata, Outcome, Ticket


@dataclass(eq=False, slots=True)
class Watched:
    """A stream that someone watches: what this process has last led it to, and the position of that."""

    moved: asyncio.Event
    known: Known | None = None
    position: int = 0


class Sending:
    """Hands appends over to the store, in the order of their decisions. Belongs to one event loop."""

    def __init__(self, store: EventStore, states: States, streams: Streams) -> None:
        self._store, self._states, self._streams = store, states, streams
        self._watched: dict[str, set[Watched]] = {}

    @contextmanager
    def watching(self, ref: Ref[Any]) -> Iterator[Watched]:
        """Told whenever an append of this process has written to the stream."""
        watched = Watched(asyncio.Event())
        watchers = self._watched.setdefault(ref.stream, set())
        watchers.add(watched)
        try:
            yield watched
        finally:
            watchers.discard(watched)
            if not watchers and self._watched.get(ref.stream) is watchers:
                del self._watched[ref.stream]

    def send(
        self,
        reading: Reading,
        events: Sequence[Event],
        metadata: Metadata,
        occurred_at: datetime | None,
        key: IdempotencyKey | None,
    ) -> Sent:
        """Nothing may be awaited between the decision and this: the order of decisions is the order of appends."""
        sent, escrows = Sent(), reading.escrows()
        expected: dict[str, int] = {}
        after: dict[str, Ticket] = {}
        for stream, seen in reading.seen.items():
            expected[stream] = seen.entry.version
            if seen.entry.pending is not None:
                after[stream] = seen.entry.pending
            if seen.is_written:
                seen.entry.moved_by = sent
                self._streams.put(stream, Entry(seen.version, seen.state, sent))
        for stream in escrows:
            self._streams.sent(stream, sent)
        self._streams.trim()
        append = Append(events, expected, metadata, occurred_at, key, sent, after, reading.written, escrows)
        try:
            self._store.send(append, partial(self._settle, sent, reading))
        except BaseException as error:  # a bug in there must not leave the streams waiting for ever
            self._settle(sent, reading, error)
        return sent

    def _settle(self, sent: Sent, reading: Reading, outcome: Outcome) -> None:
        """Runs before those who wait for the append go on: nobody may build on facts that were not written."""
        sent.end(outcome)
        streams = self._streams
        for stream, seen in reading.seen.items():
            if seen.ref.fold.balance is not None:
                streams.ended(stream, sent)
        if not isinstance(outcome, Appended) or outcome.replayed is not None:
            streams.forget(*reading.written)
            if isinstance(outcome, Conflict):
                streams.lost(outcome.stream)
            return
        position, _, _, passed = outcome
        for stream, seen in reading.seen.items():
            if not seen.is_written:
                continue
            if (entry := streams.get(stream)) is not None and entry.pending is sent:
                entry.pending = None
            before = seen.entry.version
            if stream in passed:  # what is known of it leaves others' facts out
                streams.passed(stream, passed[stream], passed[stream] + seen.version - before)
                continue
            known = Known(seen.version, seen.state)
            streams.committed(stream, known)
            for watched in self._watched.get(stream, ()):
                watched.known, watched.position = known, position
                watched.moved.set()
            self._states.moved(seen.ref, before, known)
