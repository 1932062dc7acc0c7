"""What a verification may miss in the book without blaming anyone: facts that are in archives, and are judged there."""

from collections.abc import Iterable, Sequence

from events.store import Archive
from infrastructure.archive.catalog import archives_between
from infrastructure.database import Pool
from infrastructure.seal import Seal, split
from infrastructure.verification.findings import Findings, Kind

KEPT = """SELECT first_position, last_position, kept, present FROM (
        SELECT a.*, (SELECT count(*) FROM facts WHERE position BETWEEN first_position AND last_position) AS present
          FROM archives a) counted
    WHERE present < kept ORDER BY first_position"""
# What `archives` says must be said in the book too, where it is sealed: an entry alone excuses nothing.
UNTOLD = """SELECT a.first_position, a.last_position, a.file FROM archives a
    WHERE NOT EXISTS (SELECT FROM streams s JOIN facts f ON f.stream = s.stream AND f.version = s.version
        WHERE s.stream = 'archive-' || a.file AND f.type = 'FactsArchived' AND f.body ->> 'sha256' = a.sha256
            AND (f.body ->> 'kept')::bigint = a.kept
            AND (f.body ->> 'first')::bigint = a.first_position AND (f.body ->> 'last')::bigint = a.last_position)
    ORDER BY a.first_position"""


class ArchivedParts:
    """Parts may be archived and restored while a verification goes on: what was in an archive at any time in between
    may be missing on a page of it. So this is asked again, after something was found to be missing."""

    def __init__(self, pool: Pool, first: int, last: int) -> None:
        self._pool, self._first, self._last = pool, first, last
        self._known: dict[Archive, None] = {}
        self.facts = 0

    @property
    def archives(self) -> Sequence[Archive]:
        return sorted(self._known, key=lambda archive: archive.first)

    async def look(self) -> None:
        self._known |= dict.fromkeys(await archives_between(self._pool, self._first, self._last))

    def __contains__(self, position: int) -> bool:
        return any(archive.first <= position <= archive.last for archive in self._known)

    async def believed(self, seal: Seal, digests: bytes, facts: list[bytes | None]) -> None:
        """Put the stored digests in the place of facts that are in archives: right, if the seal's root says so."""
        if None not in facts:
            return
        await self.look()
        for place, stored in enumerate(split(digests)[: seal.facts]):
            if facts[place] is None and seal.first + place in self:
                facts[place] = stored
                self.facts += 1

    async def unexcused(self, broken: Iterable[tuple[int, str, int]]) -> list[tuple[int, str, int]]:
        """Of facts that follow on none, those whose predecessors should be there."""
        if not (found := list(broken)):
            return []
        await self.look()
        return [each for each in found if each[0] not in self]


async def check_archives(pool: Pool, findings: Findings) -> None:
    """Every archive is told of by the last fact of a stream of its own, and what stayed in the book is still there."""
    for first, last, file in await pool.fetch(UNTOLD):
        detail = f"positions {first} to {last} are said to be in {file}, and no fact of the book tells of it"
        findings.add(Kind.ARCHIVE_UNTOLD, detail, first, last)
    for first, last, kept, present in await pool.fetch(KEPT):
        detail = f"{kept - present} of the {kept} facts that had stayed between {first} and {last} are gone"
        findings.add(Kind.FACT_MISSING, detail, first, last)
