"""What one decision has looked at, and where its facts lead."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from commands.decider import Ref
from commands.streams import Entry, Streams, Unread
from events import Event, stream_of
from events.store import Escrow

S = TypeVar("S")


@dataclass(slots=True)
class Reading:
    """What one decision has looked at, and the states that its own facts have led to so far."""

    streams: Streams
    assuming: bool = False
    """Whether streams that are assumed to be new may be taken as such; what is wrong about that comes out later."""
    seen: dict[str, Entry] = field(default_factory=dict)
    refs: dict[str, Ref[Any]] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    """The stream of each fact decided."""
    bounds: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    """Of each stream written to that has a balance: within which the decision holds at a later version too."""

    def __call__(self, ref: Ref[S]) -> S:
        if ref.stream not in self.states and not self._takes(ref):
            raise Unread([ref])
        return self.states[ref.stream]  # type: ignore[no-any-return]

    def all(self, refs: Sequence[Ref[S]]) -> list[S]:
        if unread := [ref for ref in refs if ref.stream not in self.states and not self._takes(ref)]:
            raise Unread(unread)
        return [self.states[ref.stream] for ref in refs]

    def _takes(self, ref: Ref[Any]) -> bool:
        stream = ref.stream
        entry = self.streams.use(stream)
        if entry is None:
            if not (self.assuming and ref.assumed_new):
                return False
            entry = Entry(0, ref.fold.initial)
        self.seen[stream], self.refs[stream], self.states[stream] = entry, ref, entry.state
        return True

    def evolve(self, events: Sequence[Event]) -> None:
        """Raises KeyError for a fact of a stream never read: what a decision cannot guard it may not write."""
        for event in events:
            stream = stream_of(event)
            fold, state = self.refs[stream].fold, self.states[stream]
            if fold.balance is not None:
                self.bounds[stream] = None if stream in self.bounds else fold.balance.bounds(state, event)
            self.written.append(stream)
            self.states[stream] = fold.evolve(state, event)

    def versions(self) -> dict[str, int]:
        """What each stream read or written to is led to by the facts decided."""
        versions = {stream: entry.version for stream, entry in self.seen.items()}
        for stream in self.written:
            versions[stream] += 1
        return versions

    def escrows(self) -> dict[str, Escrow]:
        escrows = {}
        for stream, bounds in self.bounds.items():
            if (balance := self.refs[stream].fold.balance) is not None:
                before = balance.of(self.seen[stream].state)
                escrows[stream] = Escrow(before, balance.of(self.states[stream]) - before, bounds)
        return escrows
