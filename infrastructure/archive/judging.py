"""Judges an archive file by the seals in it, as a verification judges the book; and whether the book knows the file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infrastructure.archive.form import (
    FORMAT,
    FORMAT_VERSION,
    Damaged,
    EndLine,
    FactLine,
    HeaderLine,
    Line,
    SealLine,
    read_lines,
)
from infrastructure.keyring import Keyring
from infrastructure.seal import SEAL_COLUMNS, Seal, split
from infrastructure.verification.findings import Finding, Findings, Kind
from infrastructure.verification.sealed import MAX_SEALED_FACTS, Judge
from queries.rows import Rows

SEAL_NUMBERED = f"SELECT {SEAL_COLUMNS} FROM seals WHERE number = $1"
KNOWN = "SELECT first_position, last_position, sha256 FROM archives WHERE file = $1 OR first_position = $2"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file holds, as far as it could be read, and what is wrong with it."""

    file: str
    first: int
    last: int
    facts: int
    seals: int
    sha256: str
    findings: Sequence[Finding]
    more_findings: int

    @property
    def sound(self) -> bool:
        return not self.findings


class Unsound(Exception):
    """A file is not what it should be, so nothing is built on it."""

    def __init__(self, checked: Checked) -> None:
        super().__init__(f"{checked.file} is not sound: {'; '.join(each.detail for each in checked.findings[:3])}")
        self.checked = checked


@dataclass(slots=True)
class _Stretch:
    """A seal and the digests of its facts, as far as they have come. Those outside the file are believed as sealed."""

    seal: Seal
    digests: bytes
    facts: list[bytes | None]


class FileJudge:
    """Takes the lines of a file in order. Memory is bounded by the largest seal."""

    def __init__(self, file: str, keyring: Keyring) -> None:
        self._file, self._keyring = file, keyring
        self._findings = Findings()
        self._header = HeaderLine(FORMAT, FORMAT_VERSION, 1, 0, None)
        self._judge: Judge | None = None
        self._stretch: _Stretch | None = None
        self._newest: Seal | None = None
        self._position = self._facts = self._seals = 0
        self._sha256 = ""

    def take(self, line: Line) -> None:
        """Raises Damaged where going on makes no sense."""
        match line:
            case FactLine():
                self._fact(line)
            case SealLine():
                self._seal(line)
            case HeaderLine():
                if (line.format, line.version) != (FORMAT, FORMAT_VERSION) or not 0 < line.first <= line.last:
                    raise Damaged(f"the first line speaks of {line.format} {line.version}, {line.first} to {line.last}")
                self._header, self._position = line, line.first - 1
            case EndLine():
                self._end(line)

    def damaged(self, trouble: Damaged) -> None:
        self._findings.add(Kind.FILE_DAMAGED, str(trouble))

    async def finish(self, book: Rows | None = None) -> Checked:
        """What has come of it; with a book, also whether that knows the file and has its seals."""
        if self._judge is not None:
            self._judge.explain()
        if book is not None:
            await self._compare(book)
        header = self._header
        return Checked(
            self._file,
            header.first,
            header.last,
            self._facts,
            self._seals,
            self._sha256,
            self._findings.sorted(),
            self._findings.more,
        )

    def _seal(self, line: SealLine) -> None:
        self._close()
        seal = _seal_of(line)
        if self._judge is None:
            before = None if self._header.before is None else _seal_of(self._header.before)
            if before is not None and not self._keyring.holds(before):
                detail = f"the signature of seal {before.number}, on which the first one follows, does not hold"
                self._findings.add(Kind.SEAL_FORGED, detail, before.first, before.last, seal=before.number)
            self._judge = Judge(self._keyring, self._findings, before, 1 if before is None else before.last + 1)
        self._seals += 1
        if not self._judge.admit(seal) or not 0 < seal.facts <= MAX_SEALED_FACTS:
            return
        facts: list[bytes | None] = [None] * seal.facts
        for place, digest in enumerate(split(line.digests)[: seal.facts]):
            if not self._header.first <= seal.first + place <= self._header.last:
                facts[place] = digest
        self._stretch, self._newest = _Stretch(seal, line.digests, facts), seal

    def _fact(self, line: FactLine) -> None:
        position, stretch = line.position, self._stretch
        self._facts += 1
        if not self._header.first <= position <= self._header.last:
            span = f"positions {self._header.first} to {self._header.last}"
            detail = f"a fact at position {position} is no part of {span}"
            self._findings.add(Kind.FACT_INSERTED, detail, position)
            return
        if position <= self._position:
            detail = f"the fact at position {position} stands behind the one at {self._position}"
            self._findings.add(Kind.FACT_MOVED, detail, position)
        self._position = position
        if stretch is not None and stretch.seal.first <= position <= stretch.seal.last:
            stretch.facts[position - stretch.seal.first] = line.digest()
        elif self._judge is not None:
            self._judge.uncovered(position, line.digest())
            detail = f"the fact at position {position} does not stand behind the seal that covers it"
            self._findings.add(Kind.FACT_MOVED, detail, position)
        else:
            raise Damaged(f"the fact at position {position} stands before the first seal")

    def _end(self, line: EndLine) -> None:
        self._close()
        self._sha256 = line.sha256
        header, covered_to = self._header, 0 if self._judge is None else self._judge.covered_to
        if covered_to < header.last:
            first = max(covered_to + 1, header.first)
            detail = f"no seal in the file covers positions {first} to {header.last}"
            self._findings.add(Kind.SEAL_REMOVED, detail, first, header.last)
        if not line.facts == self._facts == header.last - header.first + 1:
            detail = (
                f"{self._facts} facts are in the file, the last line counts {line.facts}, "
                f"and positions {header.first} to {header.last} are {header.last - header.first + 1}"
            )
            self._findings.add(Kind.FILE_DAMAGED, detail)

    def _close(self) -> None:
        if self._stretch is not None and self._judge is not None:
            self._judge.sealed(self._stretch.seal, self._stretch.digests, self._stretch.facts)
        self._stretch = None

    async def _compare(self, book: Rows) -> None:
        # Each seal names the one before by its hash, so the last one stands for them all.
        if (newest := self._newest) is not None:
            row = await book.fetchrow(SEAL_NUMBERED, newest.number)
            if row is None or Seal.from_row(row).hash() != newest.hash():
                detail = f"seal {newest.number} is not the one in the book: this archive was not taken from it"
                self._findings.add(Kind.KEPT_SEAL_GONE, detail, newest.first, newest.last, seal=newest.number)
        known = await book.fetch(KNOWN, self._file, self._header.first)
        if self._sha256 and known and (self._header.first, self._header.last, self._sha256) not in map(tuple, known):
            detail = f"{self._file} is not the file that was archived: the book knows another hash or other positions"
            self._findings.add(Kind.ARCHIVE_DIFFERS, detail, self._header.first, self._header.last)


async def check_file(path: Path, keyring: Keyring, book: Rows | None = None, *, name: str = "") -> Checked:
    """Judge a file by its seals and these keys; with a book, also by its seals and archives. Raises OSError.

    `name` is what the file is called in the book, if it has another name as yet."""
    judge = FileJudge(name or path.name, keyring)

    def judged() -> None:
        try:
            for line in read_lines(path):
                judge.take(line)
        except Damaged as damaged:
            judge.damaged(damaged)

    await asyncio.to_thread(judged)
    return await judge.finish(book)


def _seal_of(line: SealLine) -> Seal:
    try:
        return line.seal()
    except ValueError as error:
        raise Damaged(f"seal {line.number} cannot be read: {error}") from None
