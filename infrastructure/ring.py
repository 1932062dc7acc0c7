"""The newest facts of the book in memory, encoded once, for any number of readers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from infrastructure.codec import StoredFact, decode_metadata

RING_FACTS = 10_000
RING_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class Line(NamedTuple):
    """A fact as it goes out, and what it may be wanted for."""

    position: int
    type: str
    stream: str
    metadata: bytes
    encoded: bytes


def line_of(fact: StoredFact, encoded: bytes) -> Line:
    return Line(fact.id, fact.topic, str(fact.originator_id), fact.metadata, encoded)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which facts a listener asks for: those of which all that is given is true."""

    type: str | None = None
    stream: str | None = None
    actor: str | None = None
    correlation: str | None = None

    def __call__(self, line: Line) -> bool:
        return (
            (self.type is None or line.type == self.type)
            and (self.stream is None or line.stream == self.stream)
            and (self.actor is None or decode_metadata(line.metadata).actor == self.actor)
            and (self.correlation is None or decode_metadata(line.metadata).correlation_id == self.correlation)
        )

    def filters(self) -> dict[str, str]:
        """As infrastructure.feed.read_feed takes them."""
        given = {"type": self.type, "stream": self.stream, "actor": self.actor, "correlation": self.correlation}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Page:
    """Facts as they were encoded, alone or joined; none is missing up to `position`: going on after it is safe."""

    facts: Sequence[bytes]
    position: int

    def chunks(self) -> Iterator[bytes]:
        """The facts put together, each time about as much as a socket takes at once."""
        chunk: list[bytes] = []
        size = 0
        for fact in self.facts:
            chunk.append(fact)
            size += len(fact)
            if size >= CHUNK_BYTES:
                yield b"".join(chunk)
                chunk, size = [], 0
        if chunk:
            yield b"".join(chunk)


class Ring:
    """Holds every fact with `begin < position <= end`, up to a number of facts and of bytes."""

    def __init__(
        self,
        position: int,
        *,
        facts_max: int = RING_FACTS,
        bytes_max: int = RING_BYTES,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.begin = self.end = position
        self._facts_max, self._bytes_max, self._chunk_bytes = facts_max, bytes_max, chunk_bytes
        self._lines: list[Line] = []
        self._bytes = 0
        self._last_page: tuple[int, Wanted, Page] | None = None

    def extend(self, lines: Sequence[Line]) -> None:
        """Put in what follows, and let go of the oldest if that is too much."""
        if not lines:
            return
        assert lines[0].position == self.end + 1 and lines[-1].position == self.end + len(lines)
        self._last_page = None
        self._lines += lines
        self._bytes += sum(len(line.encoded) for line in lines)
        self.end = lines[-1].position
        if len(self._lines) <= self._facts_max and self._bytes <= self._bytes_max:
            return
        # A tenth more than needed, so that the list is not moved for every fact.
        gone = max(0, len(self._lines) - self._facts_max * 9 // 10)
        left = self._bytes - sum(len(line.encoded) for line in self._lines[:gone])
        while left > self._bytes_max * 9 // 10:
            left -= len(self._lines[gone].encoded)
            gone += 1
        del self._lines[:gone]
        self._bytes = left
        self.begin += gone

    def after(self, position: int, wanted: Wanted) -> Page:
        """About a chunk of what is wanted beyond `position`, which must not be before `begin`.

        Thousands of listeners ask the same, one after another: they are given the same page."""
        assert position >= self.begin
        if self._last_page is not None and self._last_page[:2] == (position, wanted):
            return self._last_page[2]
        asked, size = position, 0
        found: list[bytes] = []
        for line in self._lines[position - self.begin :] if position < self.end else ():
            position = line.position
            if wanted(line):
                found.append(line.encoded)
                size += len(line.encoded)
                if size >= self._chunk_bytes:
                    break
        page = Page([b"".join(found)] if found else [], position)
        self._last_page = asked, wanted, page
        return page
