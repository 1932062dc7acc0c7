"""What a verification can find, named so that whoever reads it knows where to look."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

MAX_FINDINGS = 1_000
MAX_SUSPECTS = 100_000


class Kind(StrEnum):
    FACT_CHANGED = "fact_changed"
    FACT_MISSING = "fact_missing"
    FACT_INSERTED = "fact_inserted"
    FACT_MOVED = "fact_moved"
    FACTS_DIFFER = "facts_differ"
    TIME_GOES_BACK = "time_goes_back"
    SEAL_FORGED = "seal_forged"
    SEAL_REMOVED = "seal_removed"
    SEAL_MOVED = "seal_moved"
    SEAL_OUT_OF_LINE = "seal_out_of_line"
    DIGESTS_CHANGED = "digests_changed"
    KEPT_SEAL_GONE = "kept_seal_gone"
    STREAM_BROKEN = "stream_broken"
    STREAM_DIFFERS = "stream_differs"
    HEAD_DIFFERS = "head_differs"
    CHECKPOINT_AHEAD = "checkpoint_ahead"
    ARCHIVE_UNTOLD = "archive_untold"
    ARCHIVE_DIFFERS = "archive_differs"
    FILE_DAMAGED = "file_damaged"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and where: positions from `first` to `last`, a seal, a stream, as far as it applies."""

    kind: Kind
    detail: str
    first: int | None = None
    last: int | None = None
    seal: int | None = None
    stream: str | None = None


@dataclass(slots=True)
class Findings:
    """The first thousand findings in the order of the book, each once, and how many more there are."""

    listed: dict[Finding, None] = field(default_factory=dict)
    more: int = 0

    def add(
        self,
        kind: Kind,
        detail: str,
        first: int | None = None,
        last: int | None = None,
        *,
        seal: int | None = None,
        stream: str | None = None,
    ) -> None:
        finding = Finding(kind, detail, first, first if last is None else last, seal, stream)
        if finding in self.listed:
            return
        if len(self.listed) < MAX_FINDINGS:
            self.listed[finding] = None
        else:
            self.more += 1

    def sorted(self) -> list[Finding]:
        return sorted(self.listed, key=lambda finding: (finding.first or 0, finding.last or 0, finding.kind))


class Suspects:
    """Sealed positions where another fact stands, or none: what has happened to each shows when all are known.

    A fact is recognised by its digest, so one that has been moved is found where it stands now. Bounded in size; what
    goes beyond is only counted."""

    def __init__(self) -> None:
        self._sealed: dict[int, bytes | None] = {}
        self._found: dict[int, bytes | None] = {}
        self._strays: dict[int, bytes] = {}
        self.more = 0

    def stray(self, position: int, found: bytes) -> None:
        """A fact that no seal covers: one that was sealed may have come to stand there."""
        if len(self._strays) < MAX_SUSPECTS:
            self._strays[position] = found

    def add(self, position: int, sealed: bytes | None, found: bytes | None) -> None:
        """The digest that was sealed at a position, where it is known, and that of the fact that is found there."""
        if len(self._sealed) < MAX_SUSPECTS:
            self._sealed[position], self._found[position] = sealed, found
        else:
            self.more += 1

    def explain(self, findings: Findings) -> None:
        for kind, shift, first, last in _runs(sorted(self._judged())):
            findings.add(kind, _said(kind, shift, first, last), first, last)
        if self.more:
            findings.add(Kind.FACTS_DIFFER, f"{self.more:,} more facts are not those that were sealed")

    def _judged(self) -> Iterator[tuple[Kind, int, int]]:
        """The kind, how far a moved fact has come, and the position."""
        home = {sealed: position for position, sealed in self._sealed.items()}
        still_there = {*self._found.values(), *self._strays.values()} - {None}
        for position, stray in self._strays.items():
            if stray in home:
                yield Kind.FACT_MOVED, position - home[stray], position
        for position, found in self._found.items():
            moved_away = self._sealed[position] in still_there
            if found is not None and found in home:
                yield Kind.FACT_MOVED, position - home[found], position
                if not moved_away:
                    yield Kind.FACT_MISSING, 0, position
            elif found is None:
                if not moved_away:
                    yield Kind.FACT_MISSING, 0, position
            else:
                yield (Kind.FACT_INSERTED if moved_away else Kind.FACT_CHANGED), 0, position


def _runs(judged: list[tuple[Kind, int, int]]) -> Iterator[tuple[Kind, int, int, int]]:
    """Neighbours that have met the same fate become one finding."""
    start = 0
    for end in range(1, len(judged) + 1):
        kind, shift, first = judged[start]
        if end == len(judged) or judged[end] != (kind, shift, first + end - start):
            yield kind, shift, first, judged[end - 1][2]
            start = end


def _said(kind: Kind, shift: int, first: int, last: int) -> str:
    one = first == last
    match kind:
        case Kind.FACT_MOVED if one:
            return f"at position {first} stands the fact that was sealed at {first - shift}"
        case Kind.FACT_MOVED:
            return (
                f"at positions {first} to {last} stand the facts that were sealed at {first - shift} to {last - shift}"
            )
        case Kind.FACT_MISSING if one:
            return f"the fact that was sealed at position {first} is gone"
        case Kind.FACT_MISSING:
            return f"the facts that were sealed at positions {first} to {last} are gone"
        case Kind.FACT_INSERTED if one:
            return f"the fact at position {first} has been inserted: it was never sealed"
        case Kind.FACT_INSERTED:
            return f"the facts at positions {first} to {last} have been inserted: they were never sealed"
        case _ if one:
            return f"the fact at position {first} is not the one that was sealed there: it has been changed"
        case _:
            return f"the facts at positions {first} to {last} are not those that were sealed there"
