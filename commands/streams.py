"""The streams that a process knows."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from commands.decider import Ref
from commands.states import Known, States
from events.store import NONE_PASSED, Appended, EventStore, Outcome, Ticket

MAX_FACTS_WARMED = 20_000
MAX_CONTESTED = 1_000
READ_EVERY = 10_000
"""Versions of a stream that several processes lead on without knowing of each other."""


@dataclass(eq=False, slots=True)
class Sent(Ticket):
    """An append of this process, and what has become of it."""

    outcome: Outcome | None = None
    waiting: "list[asyncio.Future[None]]" = field(default_factory=list)

    def ended(self) -> "asyncio.Future[None]":
        """Done when the `outcome` is there and has been taken in. It may be cancelled: the append goes on."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.outcome is None:
            self.waiting.append(ended)
        else:
            ended.set_result(None)
        return ended

    def end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        for each in self.waiting:
            if not each.done():  # else whoever waited has gone
                each.set_result(None)

    @property
    def is_written(self) -> bool:
        """Whether it has stored its facts."""
        return isinstance(self.outcome, Appended) and self.outcome.replayed is None

    @property
    def passed(self) -> Mapping[str, int]:
        """See events.store.Appended."""
        return self.outcome.passed if isinstance(self.outcome, Appended) else NONE_PASSED


@dataclass(slots=True)
class Entry:
    """A stream as this process knows it: `pending` is the append that its newest facts travel in, and `moved_by` the
    append of this process that leads beyond it."""

    version: int
    state: Any
    pending: Sent | None = None
    moved_by: Sent | None = None


class Unread(Exception):
    """A decision asked for streams that are not in memory: read them, and decide again."""

    def __init__(self, refs: Sequence[Ref[Any]]) -> None:
        self.refs = refs


class Streams:
    """A cache of the `limit` streams that were used last. A baseline only: an entry may be behind its stream."""

    def __init__(self, store: EventStore, states: States, limit: int) -> None:
        self._store, self._states, self._limit = store, states, limit
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._contested: OrderedDict[str, Known | None] = OrderedDict()
        """Streams that others write to as well, and what they were last known to have come to: to be gone on from."""
        self._loading: dict[str, asyncio.Future[None]] = {}
        self._under_way: dict[str, Sent] = {}
        """The newest append of this process to each stream that has a balance."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, stream: str) -> bool:
        return stream in self._entries

    def get(self, stream: str) -> Entry | None:
        return self._entries.get(stream)

    def use(self, stream: str) -> Entry | None:
        """Of all, the last that is given up then."""
        if (entry := self._entries.get(stream)) is not None:
            self._entries.move_to_end(stream)
        return entry

    def put(self, stream: str, entry: Entry) -> None:
        self._entries[stream] = entry
        self._entries.move_to_end(stream)

    def forget(self, *streams: str) -> None:
        for stream in streams:
            self._entries.pop(stream, None)

    def trim(self) -> None:
        """Reading does not: a decision may need more streams than there is room for."""
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def lost(self, stream: str) -> None:
        """Another process was first."""
        self.forget(stream)
        self._contested.setdefault(stream, None)
        if len(self._contested) > MAX_CONTESTED:
            self._contested.popitem(last=False)

    def committed(self, stream: str, known: Known) -> None:
        """This is what the stream has come to, and it is stored."""
        if stream in self._contested and (
            (before := self._contested[stream]) is None or before.version < known.version
        ):
            self._contested[stream] = known

    def sent(self, stream: str, append: Sent) -> None:
        """Whoever reads the stream before this append has ended would be behind at once."""
        self._under_way[stream] = append

    def ended(self, stream: str, append: Sent) -> None:
        if self._under_way.get(stream) is append:
            del self._under_way[stream]

    def passed(self, stream: str, before: int, now: int) -> None:
        """Others' facts came in between, which this process does not know. Of all such processes, the one that gets the
        stream across a mark reads them: one snapshot serves all, and they do not stop together."""
        if before // READ_EVERY != now // READ_EVERY:
            self.forget(stream)
            self._contested.pop(stream, None)  # a snapshot may be nearer

    async def load(self, refs: Sequence[Ref[Any]]) -> None:
        """Each stream once, for however many ask for it at the same time. What the one who reads does not get, the
        others find missing still, and read themselves."""
        under_way = {self._loading[ref.stream] for ref in refs if ref.stream in self._loading}
        missing = [ref for ref in refs if ref.stream not in self._loading]
        if missing:
            await self._load(missing)
        if under_way:
            await asyncio.wait(under_way)

    async def _load(self, refs: Sequence[Ref[Any]]) -> None:
        done = asyncio.get_running_loop().create_future()
        self._loading |= {ref.stream: done for ref in refs}
        try:
            for append in {self._under_way[ref.stream] for ref in refs if ref.stream in self._under_way}:
                await append.ended()
            since = {ref.stream: known for ref in refs if (known := self._contested.get(ref.stream)) is not None}
            for stream, known in (await self._states.read(refs, since)).items():
                self._entries.setdefault(stream, Entry(*known))
                self.committed(stream, known)
        finally:
            for ref in refs:
                self._loading.pop(ref.stream, None)
            done.set_result(None)

    async def warm(self, refs: Collection[Ref[Any]]) -> None:
        """Load in few round trips and in pages of bounded size what is not here yet."""
        unknown = {ref.stream: ref for ref in refs if ref.stream not in self._entries}
        versions = await self._store.versions(list(unknown)) if unknown else {}
        page: list[Ref[Any]] = []
        facts = 0
        for stream, ref in unknown.items():
            if versions[stream] == 0:
                self._entries.setdefault(stream, Entry(0, ref.fold.initial))
                continue
            if page and facts + versions[stream] > MAX_FACTS_WARMED:
                await self.load(page)
                page, facts = [], 0
            page.append(ref)
            facts += versions[stream]
        if page:
            await self.load(page)

    async def forget_moved(self, seen: Mapping[str, Entry]) -> None:
        """Of all that a decision read, drop what others have moved: not only what its append stumbled over first."""
        current = await self._store.versions(list(seen))
        for stream, entry in seen.items():
            if current[stream] > entry.version and self._entries.get(stream) is entry:
                self.forget(stream)

    async def are_final(self, seen: Mapping[str, Entry]) -> bool:
        """Whether these are all committed, and were the present when they were read; those that were not are dropped.

        A stream that has moved since was at the version seen if this process moved it from it: its append said so."""
        self.trim()
        if not await _all_written([entry.pending for entry in seen.values()]):
            return False
        current = await self._store.versions(list(seen))
        moved = {stream: entry.moved_by for stream, entry in seen.items() if current[stream] != entry.version}
        is_written = await _all_written(moved.values())
        stale = [stream for stream, by in moved.items() if by is None or stream in by.passed]
        self.forget(*stale)
        return is_written and not stale


async def _all_written(appends: Iterable[Sent | None]) -> bool:
    sent = {append for append in appends if append is not None}
    for append in sent:
        await append.ended()
    return all(append.is_written for append in sent)
