"""The port to the book of original entry: what an append asks for, what it answers, and how facts are read back."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from events import Event
from events.quick import quick

E_co = TypeVar("E_co", covariant=True)


@quick
@dataclass(frozen=True, slots=True)
class Metadata:
    """Who asked for a change, with which command, and what it hangs together with."""

    actor: str = "system"
    command: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    request_id: str = ""
    traceparent: str = ""


class Fact(Protocol[E_co]):
    """What a fold may know of a fact: what happened, when, and where it stands.

    Not who asked for it, nor how, nor when we learned of it."""

    @property
    def event(self) -> E_co: ...
    @property
    def stream(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def occurred_at(self) -> datetime: ...


class Recorded(NamedTuple):
    """A fact in its place: the step of its stream and the position in the whole book.

    A tuple, because whole books are read as these: a frozen dataclass takes three times as long to make."""

    event: Event
    id: UUID
    stream: str
    version: int
    position: int
    metadata: Metadata
    occurred_at: datetime
    recorded_at: datetime


class Bare(NamedTuple):
    """A fact as far as a fold may know it: it is read in two thirds of the time."""

    event: Event
    stream: str
    version: int
    position: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Makes an append happen once: `answer` is kept with the key and handed out when the same request comes again."""

    key: str
    request_hash: bytes
    answer: bytes = b""


@dataclass(eq=False, slots=True)
class Ticket:
    """What an append is known by while it is under way; `stored` as soon as its facts are in the book."""

    stored: bool = False


class Escrow(NamedTuple):
    """What an append knows of a stream's balance: a number that facts of some kinds only move, in whatever order they
    come (P. O'Neil, The Escrow Transactional Method, 1986).

    At the expected version it was `before`, and the facts move it by `delta`. `bounds`, if given: the facts are right
    at any later version too, as long as only such facts came in between and the balance they lead to lies within."""

    before: int
    delta: int
    bounds: tuple[int, int] | None = None


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Append:
    """Facts to be stored all together or not at all.

    `expected` maps a stream to the version it must have. A stream named there but not written to is a guard: the
    append is refused if it has moved. A stream written to but not named there takes the facts at whatever version.
    `after` names, for an expected version that counts facts still under way, the append that they travel in: should
    that one not be stored, another's facts may have led to the same version, and this append is refused as well.
    `escrows` are the balances of streams that are expected at a version and written to. A stream written to without
    loses its balance until someone says it again, and so does one that was to be at an exact version and is not.
    `occurred_at` is when it happened in the world; None means now. `streams` has the stream of each event, where the
    caller has told them already.
    """

    events: Sequence[Event]
    expected: Mapping[str, int] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=Metadata)
    occurred_at: datetime | None = None
    key: IdempotencyKey | None = None
    ticket: Ticket = field(default_factory=Ticket)
    after: Mapping[str, Ticket] = field(default_factory=dict)
    streams: Sequence[str] = ()
    escrows: Mapping[str, Escrow] = field(default_factory=dict)


NONE_PASSED: Mapping[str, int] = MappingProxyType({})


class Appended(NamedTuple):
    """The position of the last fact written (for nothing written, the head), or what a known key stands for.

    `passed` are streams that may have been at a later version than expected, which the append's bounds allowed, and the
    version that each was at, as far as is known."""

    position: int
    recorded_at: datetime
    replayed: IdempotencyKey | None = None
    passed: Mapping[str, int] = NONE_PASSED


Outcome = Appended | BaseException
"""What became of an append: its answer, or what it raised."""


class Conflict(Exception):
    """A stream, or its balance, is not where it was expected: someone else was first. Only this append is refused."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"stream {stream} is at version {actual}, expected {expected}")
        self.stream, self.expected, self.actual = stream, expected, actual


class AppendRefused(Exception):
    """The store could not take this append, whoever asks again: its content is bad. Nothing was stored."""


class StoreBusy(Exception):
    """Too many appends are waiting. Nothing was stored; ask again in a moment."""


class Unacknowledged(Exception):
    """The connection broke before the answer came: it may have been stored or not. The idempotency key tells."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A file with the facts from position `first` to `last`; `sha256` as its last line says, in hexadecimal digits."""

    first: int
    last: int
    file: str
    sha256: str


class Archived(Exception):
    """What is asked for is not all in the book: the rest is in these archives, as far as is known."""

    def __init__(self, what: str, archives: Sequence[Archive]) -> None:
        where = "; ".join(f"positions {each.first} to {each.last} are in {each.file}" for each in archives)
        super().__init__(f"{what} {where or 'no archive is known to have them'}")
        self.archives = archives


class StreamArchived(Archived):
    """Earlier facts of a stream are in an archive, and its state cannot be told without them."""

    def __init__(self, stream: str, archives: Sequence[Archive]) -> None:
        super().__init__(f"Facts of {stream} are not in the book:", archives)
        self.stream = stream


class PositionsArchived(Archived):
    """Facts beyond `after`, or at the position asked for, are in archives."""

    def __init__(self, after: int, archives: Sequence[Archive]) -> None:
        super().__init__(f"Not all facts beyond position {after} are in the book:", archives)
        self.after = after


class EventStore(Protocol):
    """Append facts, read streams, read the whole book in commit order."""

    def append(self, append: Append) -> Awaitable[Appended]:
        """Store all of it durably, or nothing. Appends are taken in the order in which they are asked for.

        Raises Conflict, AppendRefused, StoreBusy or Unacknowledged."""
        ...

    def send(self, append: Append, tell: Callable[[Outcome], None]) -> None:
        """The same for those who do not wait: nobody can take it back, and `tell` is called once.

        Of appends that are stored together, all are told before anyone who waits goes on. `tell` may not raise."""
        ...

    async def read(self, streams: Collection[str]) -> Sequence[Recorded]:
        """All facts of these streams, each stream's in order of version.

        Where the first ones are in an archive: those from a fact on that needs none before it.
        Raises StreamArchived if there is no such fact."""
        ...

    async def versions(self, streams: Collection[str]) -> Mapping[str, int]:
        """The present version of each stream; 0 for one that does not exist."""
        ...

    async def read_all(self, after: int, *, limit: int, types: Collection[str] = ()) -> Sequence[Recorded]:
        """Up to `limit` facts beyond position `after` in commit order, of the named types (none named: all).

        Raises PositionsArchived."""
        ...

    async def recall(self, key: str) -> tuple[IdempotencyKey, Appended] | None:
        """What an idempotency key stands for, if it has been used."""
        ...

    async def head(self) -> int:
        """The position of the newest fact; 0 for an empty book. Positions have no gaps."""
        ...


def told(append: Coroutine[Any, Any, Appended], tell: Callable[[Outcome], None]) -> None:
    """`send`, for stores whose appends are coroutines."""

    def ended(task: asyncio.Task[Appended]) -> None:
        if task.cancelled():
            tell(Unacknowledged("the program is ending"))
        else:
            tell(task.exception() or task.result())

    asyncio.get_running_loop().create_task(append).add_done_callback(ended)
