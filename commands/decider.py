"""How a decision is written: pure functions from a command and what it reads to the facts that follow.

`evolve(state, fact) -> state` says what a fact means to the write side; `decide(command, read) -> facts` holds the
rules. A decision may read several streams; whatever it reads is guarded, so the facts it returns are stored all
together, and only if nothing it rested on has moved meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

from events import Event, stream_name, stream_of
from events.quick import quick

S = TypeVar("S")


@quick
@dataclass(frozen=True, slots=True)
class Ref(Generic[S]):
    """A stream to read, and how its facts fold into a state."""

    stream: str
    fold: "Fold[S]"
    assumed_new: bool = field(default=False, compare=False)
    """Nobody is expected to have written to it, so it is not looked for at first: the append finds out."""


@dataclass(frozen=True, slots=True, eq=False)
class Balance(Generic[S]):
    """A number in a state, never below zero, that facts of some kinds only move: such facts commute.

    `bounds(state, fact)`: decided on this state, the fact is as right on any other that such facts lead to, if the
    balance after it lies within. None: it is right on this state only."""

    of: Callable[[S], int]
    bounds: Callable[[S, Any], tuple[int, int] | None]


@dataclass(frozen=True, slots=True, eq=False)
class Fold(Generic[S]):
    """The state of one kind of stream: what it is before any fact, and how each fact moves it.

    States are the write side's private memory. They are immutable and bounded in size, however long the stream.
    """

    category: str
    initial: S
    evolve: Callable[[S, Any], S]
    balance: Balance[S] | None = None

    def __call__(self, *identity: str) -> Ref[S]:
        return _ref(self, *identity)

    def new(self, *identity: str) -> Ref[S]:
        """For a stream that begins with this decision, unless it is asked again: saves a round trip."""
        return Ref(stream_name(self.category, *identity), self, assumed_new=True)


@lru_cache(maxsize=1_000)
def _ref(fold: Fold[S], *identity: str) -> Ref[S]:
    """Thousands of decisions a second look up the same stock, each of them several times."""
    return Ref(stream_name(fold.category, *identity), fold)


class Read(Protocol):
    """What a decision looks things up with. It may be called several times; the same stream always reads the same."""

    def __call__(self, ref: Ref[S]) -> S: ...

    def all(self, refs: Sequence[Ref[S]]) -> list[S]:
        """Several at once, which may save round trips."""
        ...


class Ahead:
    """Reads for a decision that is made in steps: each sees what the steps before it have led to."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._refs: dict[str, Ref[Any]] = {}
        self._states: dict[str, Any] = {}

    def __call__(self, ref: Ref[S]) -> S:
        if ref.stream not in self._states:
            self._states[ref.stream] = self._read(ref)
            self._refs[ref.stream] = ref
        state: S = self._states[ref.stream]
        return state

    def all(self, refs: Sequence[Ref[S]]) -> list[S]:
        self._read.all([ref for ref in refs if ref.stream not in self._states])
        return [self(ref) for ref in refs]

    def evolve(self, facts: Sequence[Event]) -> None:
        """Goes on from these facts. Their streams must have been read."""
        for fact in facts:
            stream = stream_of(fact)
            self._states[stream] = self._refs[stream].fold.evolve(self._states[stream], fact)


Decide = Callable[[Any, Read], Sequence[Event]]
