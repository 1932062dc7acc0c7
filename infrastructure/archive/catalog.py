"""Which parts of the book are in archives, and the refusal to read past them as if nothing were missing."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import asyncpg

from events import BEGINS_ANEW
from events.store import Archive, PositionsArchived, Recorded, StreamArchived
from infrastructure.codec import StoredFact
from queries.rows import Listing, Rows

ARCHIVES = Listing(
    "first_position, last_position, file, sha256, facts, kept, archived_at, archived_by",
    "archives",
    {"first_position": "bigint"},
)
WITH_POSITIONS = """SELECT first_position, last_position, file, sha256 FROM archives a
    WHERE EXISTS (SELECT FROM unnest($1::bigint[]) AS p WHERE p BETWEEN a.first_position AND a.last_position)
    ORDER BY first_position"""
WITH_FACT = """SELECT a.first_position, a.last_position, a.file, a.sha256
    FROM facts f JOIN archives a ON f.position BETWEEN a.first_position AND a.last_position
    WHERE f.stream = $1 AND f.version = $2"""
BETWEEN = """SELECT first_position, last_position, file, sha256 FROM archives
    WHERE last_position >= $1 AND first_position <= $2 ORDER BY first_position"""
PRESENT = "SELECT facts_present($1)"

_REFUSED = "DB410"


async def archives_between(rows: Rows, first: int, last: int) -> list[Archive]:
    """Those that hold any of the positions from `first` to `last`."""
    return [Archive(*row) for row in await rows.fetch(BETWEEN, first, last)]


async def check_present(rows: Rows, after: int) -> None:
    """Raises PositionsArchived if facts beyond position `after` are in archives."""
    with refused(after):
        await rows.fetchval(PRESENT, after)


@contextmanager
def refused(after: int) -> Iterator[None]:
    """Statements with `facts_present` run in here; what that function refuses is raised as PositionsArchived."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if error.sqlstate != _REFUSED:
            raise
        archives = [Archive(**each) for each in json.loads(error.as_dict()["detail"])]
        raise PositionsArchived(after, archives) from None


def gaps(facts: Sequence[Recorded]) -> list[int]:
    """Where in these facts, each stream's in order from its beginning, earlier ones of the stream are missing."""
    found: list[int] = []
    stream, version = "", 0
    for place, fact in enumerate(facts):
        version += 1
        if fact.stream != stream:
            stream, version = fact.stream, 1
        if fact.version != version:
            found.append(place)
            version = fact.version
    return found


async def archives_of(rows: Rows, after: int, facts: Sequence[StoredFact]) -> list[Archive]:
    """Those with the facts that are missing among these of one stream, which should begin behind version `after`."""
    behind, version = [], after
    for fact in facts:
        version += 1
        if fact.originator_version != version:
            behind.append(fact.id)
            version = fact.originator_version
    return [Archive(*row) for row in await rows.fetch(WITH_POSITIONS, behind)]


async def missing_before(rows: Rows, stream: str, version: int) -> Exception:
    """What to raise where the fact before this one of a stream is not there: StreamArchived, if it is in an archive."""
    # A stream ends in one part, and only what it has in that part leaves the book.
    if archives := [Archive(*row) for row in await rows.fetch(WITH_FACT, stream, version)]:
        return StreamArchived(stream, archives)
    return RuntimeError(f"fact {version - 1} of {stream} is missing")


async def from_beginnings(rows: Rows, facts: Sequence[Recorded], found: Collection[int]) -> list[Recorded]:
    """Without the facts before a gap, where the stream begins anew behind it. Raises what `missing_before` says."""
    begins: dict[str, int] = {}
    for place in found:
        fact = facts[place]
        if type(fact.event) not in BEGINS_ANEW:
            raise await missing_before(rows, fact.stream, fact.version)
        begins[fact.stream] = fact.version
    return [fact for fact in facts if fact.version >= begins.get(fact.stream, 1)]
