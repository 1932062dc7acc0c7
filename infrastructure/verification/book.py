"""The way of a verification through the book: which part, in which order, and what is known of its ends."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from events.store import Archive
from infrastructure.database import Connection, Pool
from infrastructure.keyring import Keyring
from infrastructure.seal import SEAL_COLUMNS, Seal
from infrastructure.verification.archived import ArchivedParts, check_archives
from infrastructure.verification.ends import KeptSeal, check_ends, check_kept, read_ends
from infrastructure.verification.findings import Finding, Findings, Kind
from infrastructure.verification.reading import Reader, open_reader, read_seals
from infrastructure.verification.sealed import MAX_SEALED_FACTS, Judge
from infrastructure.verification.streams import check_ends_of_streams

OnProgress = Callable[[int, int], None]

SEAL_AT = f"SELECT {SEAL_COLUMNS} FROM seals WHERE first_position <= $1 ORDER BY first_position DESC LIMIT 1"

_BEFORE_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and what is wrong with it. `first` to `last` are the positions covered, in whole seals, of
    those up to `end`; `unsealed` of them at the end have no seal yet, so only their order could be judged. `archived`
    facts were not there to be judged, being in `archives`: for those, judge the files."""

    first: int
    last: int
    head: int
    end: int
    facts: int
    seals: int
    unsealed: int
    archived: int
    archives: Sequence[Archive]
    findings: Sequence[Finding]
    more_findings: int
    newest_seal: KeptSeal | None
    seconds: float

    @property
    def sound(self) -> bool:
        return not self.findings

    def is_beyond(self, first: int) -> bool:
        """Whether this says nothing about a part from `first` on: not even the place for the next fact is there."""
        return self.sound and first > self.end + 1


async def verify(
    pool: Pool,
    keyring: Keyring,
    *,
    first: int = 1,
    last: int | None = None,
    max_facts: int | None = None,
    kept: KeptSeal | None = None,
    on_progress: OnProgress = lambda done, there: None,
) -> Report:
    """Judge the facts from `first` to `last`, at most `max_facts` of them, widened to whole seals.

    Memory stays flat and nothing is locked. What is appended or sealed meanwhile is left for the next time."""
    started, findings = time.perf_counter(), Findings()
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        ends = await read_ends(connection, kept)
        end = max(ends.head or 0, ends.newest)
        if ends.seal is not None and keyring.holds(ends.seal):
            end = max(end, ends.seal.last)
        last = end if last is None else min(last, end)
        if max_facts is not None:
            last = min(last, first + max_facts - 1)
        before, first, last = await _widened(connection, first, last)
    judge, archived = Judge(keyring, findings, before, first), ArchivedParts(pool, first, last)
    await archived.look()
    sealed_to = first - 1
    async with open_reader(
        pool, findings, archived, first - 1, last, lambda at: on_progress(at - first + 1, last - first + 1)
    ) as reader:
        course = _Course(reader, judge, findings, archived, first)
        after = _BEFORE_ALL if first <= 1 else first - 1
        async for seal, digests in read_seals(pool, after, last, 0 if ends.seal is None else ends.seal.last):
            if judge.admit(seal) and seal.last <= last:
                await course.uncovered(seal.first - 1)
                await course.sealed(seal, digests)
                sealed_to = seal.last
        await course.uncovered(last)
    judge.explain()
    if last == end:
        check_ends(findings, ends, judge.covered_to)
        if first <= 1:
            await check_ends_of_streams(pool, findings)
            await check_archives(pool, findings)
    check_kept(findings, kept, ends.kept)
    return Report(
        first=first,
        last=last,
        head=ends.head or 0,
        end=end,
        facts=reader.facts,
        seals=judge.seals,
        unsealed=max(0, last - sealed_to),
        archived=archived.facts,
        archives=archived.archives,
        findings=findings.sorted(),
        more_findings=findings.more,
        newest_seal=None if ends.seal is None else KeptSeal(ends.seal.number, ends.seal.hash().hex()),
        seconds=time.perf_counter() - started,
    )


class _Course:
    """Brings the facts of each stretch before the judge, and notices where one is missing."""

    def __init__(self, reader: Reader, judge: Judge, findings: Findings, archived: ArchivedParts, first: int) -> None:
        self._reader, self._judge, self._findings, self._archived = reader, judge, findings, archived
        self._next = first

    async def sealed(self, seal: Seal, digests: bytes) -> None:
        facts: list[bytes | None] = [None] * seal.facts
        async for piece in self._reader.up_to(seal.last):
            for position, digest in piece:
                facts[position - seal.first] = digest
        await self._archived.believed(seal, digests, facts)
        self._judge.sealed(seal, digests, facts)
        self._next = seal.last + 1

    async def uncovered(self, last: int) -> None:
        async for piece in self._reader.up_to(last):
            for position, digest in piece:
                self._missing_up_to(position - 1)
                self._judge.uncovered(position, digest)
                self._next = position + 1
        self._missing_up_to(last)

    def _missing_up_to(self, last: int) -> None:
        first = self._next
        if first > last:
            return
        what = f"there is no fact at position {first}" if first == last else f"there are no facts at {first} to {last}"
        self._findings.add(Kind.FACT_MISSING, what, first, last)
        self._judge.gap()
        self._next = last + 1


async def _widened(connection: Connection, first: int, last: int) -> tuple[Seal | None, int, int]:
    """The seal before, and the first and last position of the part, so that no seal is cut in two."""

    async def seal_at(position: int) -> Seal | None:
        row = await connection.fetchrow(SEAL_AT, position)
        return None if row is None else Seal.from_row(row)

    before = await seal_at(first)
    if before is not None and first <= before.last < before.first + MAX_SEALED_FACTS:
        first = before.first
        before = await seal_at(first - 1)
    at_end = await seal_at(last)
    if at_end is not None and last < at_end.last < at_end.first + MAX_SEALED_FACTS:
        last = at_end.last
    return before, first, last
