"""Whether the facts of each stream follow on each other without a gap, and whether `streams` says how far they go."""

from collections.abc import Sequence
from typing import Any

from infrastructure.database import Pool
from infrastructure.verification.archived import ArchivedParts
from infrastructure.verification.findings import Findings, Kind

MAX_KNOWN_STREAMS = 200_000
PAGE_STREAMS = 1_000

# Subqueries, not joins: those may be planned as a scan of the whole table.
NEWCOMERS = """SELECT position, stream, version, follows, said FROM (
        SELECT n.position, n.stream, n.version,
               n.version = 1 OR (SELECT 1 FROM facts f WHERE f.stream = n.stream AND f.version = n.version - 1
                                  AND f.position < n.position LIMIT 1) IS NOT NULL AS follows,
               (SELECT s.version FROM streams s WHERE s.stream = n.stream) AS said
          FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS n (position, stream, version) OFFSET 0) newcomer
    WHERE NOT follows OR said IS NULL"""
ENDS_OF_STREAMS = """SELECT s.stream, s.version, (SELECT max(f.version) FROM facts f WHERE f.stream = s.stream) AS last
    FROM streams s WHERE s.stream > $1 ORDER BY s.stream LIMIT $2"""


class Versions:
    """Takes facts in the order of the book. It remembers where streams stand, though not all of them: what it does not
    know, or knows no more, it asks the database."""

    def __init__(self, pool: Pool, findings: Findings, archived: ArchivedParts) -> None:
        self._pool, self._findings, self._archived = pool, findings, archived
        self._broken: list[tuple[int, str, int]] = []
        self._known: dict[str, int] = {}

    def follow(self, facts: Sequence[Any]) -> Sequence[tuple[int, str, int]]:
        """Judge rows with a position, a stream and a version; those of unknown streams are given back for `meet`."""
        known, newcomers = self._known, []
        for position, stream, version, *_ in facts:
            before = known.get(stream)
            if before is None:
                newcomers.append((position, stream, version))
            elif version != before + 1:
                self._broken.append((position, stream, version))
            known[stream] = version
        if len(known) > MAX_KNOWN_STREAMS:
            self._known = dict(list(known.items())[MAX_KNOWN_STREAMS // 2 :])
        return newcomers

    async def meet(self, newcomers: Sequence[tuple[int, str, int]]) -> None:
        """One statement, so what is appended meanwhile cannot mislead it."""
        broken, self._broken = self._broken, []
        columns = map(list, zip(*newcomers, strict=True))
        for position, stream, version, follows, said in (
            await self._pool.fetch(NEWCOMERS, *columns) if newcomers else ()
        ):
            if not follows:
                broken.append((position, stream, version))
            if said is None:
                detail = f"stream {stream} has facts, and no row in streams"
                self._findings.add(Kind.STREAM_DIFFERS, detail, stream=stream)
        for position, stream, version in await self._archived.unexcused(broken):
            detail = f"version {version} of stream {stream} does not follow on version {version - 1}"
            self._findings.add(Kind.STREAM_BROKEN, detail, position, stream=stream)


async def check_ends_of_streams(pool: Pool, findings: Findings) -> None:
    """Every row of `streams` stands for the last fact of its stream."""
    after = ""
    while rows := await pool.fetch(ENDS_OF_STREAMS, after, PAGE_STREAMS):
        for stream, said, last in rows:
            if said != last:
                ends = "there is no fact of it" if last is None else f"its facts end at version {last}"
                detail = f"streams has {stream} at version {said}, and {ends}"
                findings.add(Kind.STREAM_DIFFERS, detail, stream=stream)
        after = rows[-1]["stream"]
