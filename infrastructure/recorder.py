"""The store as a recorder of the `eventsourcing` library, whose shipped test cases examine it through this facade.

The library is synchronous, so the store lives on an event loop in a thread. A library's event is a row with the id as
its stream, the topic as its type and the state as a JSON string in base64. The library lets an aggregate begin at any
version and leave some out; our streams count without gaps, and here they begin at version 0.
"""

import asyncio
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4
from weakref import WeakSet

from eventsourcing.persistence import (
    ApplicationRecorder,
    DataError,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    OperationalError,
    StoredEvent,
    Subscription,
)

from events.store import Appended, AppendRefused, Conflict, StoreBusy, Unacknowledged
from infrastructure.codec import StoredFact
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import MAX_VERSION, PostgresEventStore
from infrastructure.positions import HEAD, Positions
from infrastructure.raw_append import RawAppend, RawFact

POLL_S = 1.0
T = TypeVar("T")


class PostgresApplicationRecorder(ApplicationRecorder):
    """Positions in the book are the library's notification ids. Opens connections of its own: close it when done."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="recorder")
        self._thread.start()
        self._resources = AsyncExitStack()
        self._listeners: WeakSet[threading.Event] = WeakSet()
        try:
            self._await(self._open(url))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._await(self._resources.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        try:
            last = self._await(self._submitted(stored_events)).position
        except Conflict as conflict:
            raise IntegrityError(str(conflict)) from conflict
        except AppendRefused as refused:
            raise DataError(str(refused)) from refused
        except (StoreBusy, Unacknowledged) as error:
            raise OperationalError(str(error)) from error
        return list(range(last - len(stored_events) + 1, last + 1))

    async def _submitted(self, stored_events: Sequence[StoredEvent]) -> Appended:
        return await self._committer.submit(_append(stored_events))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        stream, after, until = str(originator_id), 0 if gt is None else gt + 1, MAX_VERSION if lte is None else lte + 1
        if desc and limit is not None:  # versions have no gaps: the last ones can be counted off from the end
            until = min(until, self._await(self._store.versions([stream]))[stream])
            after = max(after, until - limit)
        read = self._store.stored_stream(
            stream, after=after, until=until, limit=MAX_VERSION if limit is None else limit
        )
        events = [StoredEvent(*_fields(fact)) for fact in self._await(read)]
        return events[::-1] if desc else events

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - inclusive_of_start
        facts = self._await(self._store.stored_all(after, limit=limit, types=topics))
        return [Notification(*_fields(fact), fact.id) for fact in facts if stop is None or fact.id <= stop]

    def max_notification_id(self) -> int | None:
        return self._await(self._store.head()) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        subscription = ListenNotifySubscription(self, gt, topics)
        self._listeners.add(subscription._has_been_notified)
        return subscription

    async def _open(self, url: str) -> None:
        enter, positions = self._resources.enter_async_context, Positions()
        pool = await enter(open_pool(url, 4))
        self._committer = await enter(Committer(lambda: connect(url), lambda head: positions.advance(HEAD, head)))
        self._store = PostgresEventStore(pool, self._committer, positions)
        waking = asyncio.create_task(self._wake(positions))
        self._resources.callback(waking.cancel)

    async def _wake(self, positions: Positions) -> None:
        """Tell subscriptions to look: after every commit of this process, and once a second for those of others."""
        while True:
            await positions.reach(HEAD, positions[HEAD] + 1, POLL_S)
            for listener in list(self._listeners):
                listener.set()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class PostgresAggregateRecorder(PostgresApplicationRecorder):
    """For those who have no use for positions."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        super().insert_events(stored_events)
        return None


def _append(stored_events: Sequence[StoredEvent]) -> RawAppend:
    """Raises IntegrityError where versions do not follow one after the other."""
    expected: dict[str, int] = {}
    versions: dict[str, int] = {}
    facts = []
    for event in stored_events:
        stream = str(event.originator_id)
        before = versions.get(stream, event.originator_version)
        if before < 0 or event.originator_version != before:
            raise IntegrityError(f"version {event.originator_version} of {stream} does not follow")
        expected.setdefault(stream, before)
        versions[stream] = before + 1
        body = json.dumps(b64encode(event.state).decode())
        facts.append(RawFact(stream, str(uuid4()), event.topic, 1, body, None))
    return RawAppend(facts, expected, "{}", None)


def _fields(fact: StoredFact) -> tuple[UUID | str, int, str, bytes]:
    originator_id: UUID | str = fact.originator_id
    with suppress(ValueError):
        originator_id = UUID(str(fact.originator_id))
    return originator_id, fact.originator_version - 1, fact.topic, b64decode(json.loads(fact.state))
