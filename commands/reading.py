"""What one decision has looked at, and where its facts lead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from commands.decider import Ref
from commands.streams import Entry, Streams, Unread
from events import Event, stream_of
from events.store import Escrow

S = TypeVar("S")


@dataclass(slots=True)
class Seen:
    """A stream as the decision found it, and the version and state that the decision's own facts have led it to.

    One record for all of it: hundreds of decisions may be under way at once, and what they hold has to stay small."""

    ref: Ref[Any]
    entry: Entry
    version: int
    state: Any
    is_exact: bool = False
    """The caller insists on the version."""
    bounds: tuple[int, int] | None = None
    """Of a stream written to that has a balance: within which the decision holds at a later version too."""

    @property
    def is_written(self) -> bool:
        return self.version != self.entry.version


@dataclass(slots=True)
class Reading:
    """What one decision has looked at, by the names of the streams."""

    streams: Streams
    assuming: bool = False
    """Whether streams that are assumed to be new may be taken as such; what is wrong about that comes out later."""
    seen: dict[str, Seen] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    """The stream of each fact decided."""

    def __call__(self, ref: Ref[S]) -> S:
        if ref.stream not in self.seen and not self._takes(ref):
            raise Unread([ref])
        state: S = self.seen[ref.stream].state
        return state

    def all(self, refs: Sequence[Ref[S]]) -> list[S]:
        if unread := [ref for ref in refs if ref.stream not in self.seen and not self._takes(ref)]:
            raise Unread(unread)
        return [self.seen[ref.stream].state for ref in refs]

    def _takes(self, ref: Ref[Any]) -> bool:
        entry = self.streams.use(ref.stream)
        if entry is None:
            if not (self.assuming and ref.assumed_new):
                return False
            entry = Entry(0, ref.fold.initial)
        self.seen[ref.stream] = Seen(ref, entry, entry.version, entry.state)
        return True

    def evolve(self, events: Sequence[Event]) -> None:
        """Raises KeyError for a fact of a stream never read: what a decision cannot guard it may not write."""
        for event in events:
            seen = self.seen[stream_of(event)]
            fold = seen.ref.fold
            if fold.balance is not None:
                is_bound = seen.is_exact or seen.is_written
                seen.bounds = None if is_bound else fold.balance.bounds(seen.state, event)
            self.written.append(seen.ref.stream)
            seen.version += 1
            seen.state = fold.evolve(seen.state, event)

    def insist(self, ref: Ref[Any]) -> int:
        """The version of a stream that must not have moved on, whatever is written to it."""
        self(ref)
        self.seen[ref.stream].is_exact = True
        return self.seen[ref.stream].version

    def entries(self) -> Mapping[str, Entry]:
        return {stream: seen.entry for stream, seen in self.seen.items()}

    def versions(self) -> Mapping[str, int]:
        """What the facts decided lead each stream to."""
        return {stream: seen.version for stream, seen in self.seen.items()}

    def escrows(self) -> dict[str, Escrow]:
        escrows = {}
        for stream, seen in self.seen.items():
            if (balance := seen.ref.fold.balance) is not None and (seen.is_written or seen.is_exact):
                before = balance.of(seen.entry.state)
                escrows[stream] = Escrow(before, balance.of(seen.state) - before, seen.bounds)
        return escrows
