"""The book of original entry on PostgreSQL: appends through the committer, reads by position and by stream."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from events import Event
from events.store import Append, Appended, AppendRefused, Bare, Fact, IdempotencyKey, Outcome, Recorded
from infrastructure.archive.catalog import check_present, from_beginnings, gaps, refused
from infrastructure.codec import FactMapper, StoredFact, Undecodable, UnknownFact, Unread, decode_metadata
from infrastructure.committer import Committer
from infrastructure.database import Connection, Pool
from infrastructure.positions import HEAD, Positions
from infrastructure.raw_append import MAX_VERSION as MAX_VERSION
from infrastructure.raw_append import encoded
from infrastructure.stream_reader import StreamReader
from infrastructure.vault import Rows, Vault

T = TypeVar("T", bound=Sequence[Any])


class Share(NamedTuple):
    """One of `of` parts of all streams; `number` counts from 0. In which part a stream is never changes."""

    number: int
    of: int


def in_share(stream: str, number: str, of: str) -> str:
    """Whether a stream is in a share, in SQL. The hash is that of hash partitions, which no upgrade of PostgreSQL may
    change."""
    return f"(hashtextextended({stream}, 0) & 1073741823) % {of}::bigint = {number}::bigint"


def _page_of(facts: str) -> str:
    """The first of these facts, with the head, in SQL; one row without a fact if there are none."""
    return f"""SELECT head.position AS head, page.* FROM head LEFT JOIN LATERAL (
        {facts} LIMIT $4
    ) AS page ON true ORDER BY page.position"""


COLUMNS = "position, id, stream, version, type, schema_version, body, metadata, occurred_at, recorded_at"

# One look-up in the index for each stream: planned while the tables are small and never analyzed, `= ANY` would go on
# comparing every row of the table with every name.
READ_STREAMS = f"""SELECT read.* FROM unnest($1::text[]) AS wanted (stream) CROSS JOIN LATERAL
    (SELECT {COLUMNS} FROM facts WHERE stream = wanted.stream ORDER BY version) AS read"""
READ_ALL = f"SELECT {COLUMNS} FROM facts WHERE position > $1 ORDER BY position LIMIT $2"
READ_TYPES = f"""SELECT {COLUMNS} FROM facts
    WHERE position > $1 AND type = ANY ($3::text[]) AND facts_present($1) ORDER BY position LIMIT $2"""
READ_STREAM = f"""SELECT {COLUMNS} FROM facts
    WHERE stream = $1 AND version > $2 AND version <= $3 ORDER BY version LIMIT $4"""
VERSIONS = """SELECT stream, (SELECT version FROM streams WHERE stream = wanted.stream)
    FROM unnest($1::text[]) AS wanted (stream)"""
READ_POSITIONS = f"SELECT {COLUMNS} FROM facts WHERE position = ANY ($1::bigint[]) ORDER BY position"
# All but what is known not to matter: a type that this program has never heard of must be noticed, not passed over.
# The head is of the same snapshot, so up to there nothing is missing. Types are hashed by NOT IN, where `<> ALL` would
# compare each of them with every fact; and asyncpg writes one text in a fifth of the time of eighty.
_WANTED = """SELECT position, stream, version, type, schema_version, body, occurred_at FROM facts
        WHERE position > $1 AND position <= $2 AND facts_present($1, $2)
            AND type NOT IN (SELECT unnest(string_to_array($3, ','))) ORDER BY position"""
READ_PAGE = _page_of(_WANTED)
# That someone is forgotten concerns the rows of every share. How many facts are in a share PostgreSQL cannot know: it
# guesses a few, and would sort the whole rest of the book for each page. OFFSET 0 has it take them as they come.
READ_SHARE = _page_of(
    f"""SELECT * FROM ({_WANTED} OFFSET 0) AS wanted
        WHERE type = 'SubjectForgotten' OR {in_share("stream", "$5", "$6")} ORDER BY position"""
)
ORIGINS = "SELECT metadata ->> 'traceparent' FROM facts WHERE position = ANY ($1::bigint[]) ORDER BY position"
RECALL = "SELECT request_hash, answer, position, recorded_at FROM idempotency_keys WHERE key = $1"
HEAD_POSITION = "SELECT position FROM head"
HEAD_FOR_ALL = "SELECT stream, position FROM head, unnest($1::text[]) AS wanted (stream)"
MAX_POSITION = 2**63 - 1
_new = tuple.__new__


@dataclass(frozen=True, slots=True)
class Page:
    """All facts beyond the position asked for up to `end`, except those not wanted; `full` if there may be more."""

    facts: Sequence[Fact[Event] | Unread]
    end: int
    full: bool


class PostgresEventStore:
    """The `EventStore` port on asyncpg. Whoever has read position n has seen every fact up to n."""

    def __init__(self, pool: Pool, committer: Committer, positions: Positions, vault: Vault | None = None) -> None:
        """Without a `vault` what is personal can be neither written nor read."""
        self._pool = pool
        self._committer = committer
        self._positions = positions
        self._mapper = FactMapper(vault)
        # Hundreds may ask at once: those who find nothing to do, and those who are refused.
        self._reader = StreamReader(pool, READ_STREAMS)
        self._versions = StreamReader(pool, VERSIONS)
        self._head = StreamReader(pool, HEAD_FOR_ALL)

    def append(self, append: Append) -> Awaitable[Appended]:
        try:
            return self._committer.submit(encoded(append, self._mapper.transcoder))
        except AppendRefused as error:
            refused: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused

    def send(self, append: Append, tell: Callable[[Outcome], None]) -> None:
        try:
            raw = encoded(append, self._mapper.transcoder)
        except AppendRefused as error:
            tell(error)
        else:
            self._committer.take(raw, tell)

    async def read(self, streams: Collection[str]) -> Sequence[Recorded]:
        facts = [self._recorded(row) for row in await self._readable(self._pool, await self._reader.rows(streams))]
        return await from_beginnings(self._pool, facts, found) if (found := gaps(facts)) else facts

    async def versions(self, streams: Collection[str]) -> Mapping[str, int]:
        rows = await self._versions.rows(streams)
        return {stream: version or 0 for stream, version in rows}

    async def read_all(self, after: int, *, limit: int, types: Collection[str] = ()) -> Sequence[Recorded]:
        return [self._recorded(row) for row in await self._readable(self._pool, await self._rows(after, limit, types))]

    async def read_page(
        self,
        after: int,
        *,
        limit: int,
        but: Collection[str],
        until: int = MAX_POSITION,
        via: Connection | None = None,
        share: Share | None = None,
    ) -> Page:
        """Facts with `after < position <= until` in commit order, of all types except `but`, as a fold may know them.

        With a `share` those of its streams only, and that someone is forgotten. One that cannot be read does not keep
        the others from being read. Raises PositionsArchived."""
        decode = self._mapper.transcoder.decode_fact
        facts: list[Bare | Unread] = []
        with refused(after):
            sql = READ_PAGE if share is None else READ_SHARE
            rows = await (via or self._pool).fetch(sql, after, until, ",".join(but), limit, *(share or ()))
        head: int = rows[0]["head"]
        self._positions.advance(HEAD, head)
        if rows[0]["position"] is None:
            rows = []
        rows = await self._readable(via or self._pool, rows)
        for _, position, stream, version, type_name, schema, body, occurred_at in rows:
            try:
                # In half the time that `Bare(...)` takes.
                facts.append(_new(Bare, (decode(type_name, schema, body), stream, version, position, occurred_at)))
            except (UnknownFact, Undecodable) as error:
                facts.append(Unread(position, stream, version, type_name, str(error)))
        if len(facts) == limit:
            return Page(facts, facts[-1].position, full=True)
        return Page(facts, max(after, min(head, until)), full=False)

    async def origins(self, facts: Sequence[Fact[Event] | Unread]) -> Sequence[str]:
        """The `traceparent` that each of these facts was recorded with; empty where there was none."""
        return [origin for (origin,) in await self._pool.fetch(ORIGINS, [fact.position for fact in facts])]

    async def read_positions(self, positions: Collection[int], via: Connection) -> Sequence[Recorded | Unread]:
        """The facts at these positions, in order."""
        facts: list[Recorded | Unread] = []
        for row in await self._readable(via, await via.fetch(READ_POSITIONS, list(positions))):
            try:
                facts.append(self._recorded(row))
            except (UnknownFact, Undecodable) as error:
                facts.append(Unread(row["position"], row["stream"], row["version"], row["type"], str(error)))
        return facts

    async def recall(self, key: str) -> tuple[IdempotencyKey, Appended] | None:
        row = await self._pool.fetchrow(RECALL, key)
        if row is None:
            return None
        known = IdempotencyKey(key, row["request_hash"], row["answer"])
        return known, Appended(row["position"], row["recorded_at"], replayed=known)

    async def head(self) -> int:
        position: int = (await self._head.rows([HEAD]))[0]["position"]
        self._positions.advance(HEAD, position)
        return position

    async def stored_all(self, after: int, *, limit: int, types: Collection[str] = ()) -> Sequence[StoredFact]:
        """Like `read_all`, with bodies as they are stored: also facts that this program could not decode."""
        return [stored_fact(row) for row in await self._rows(after, limit, types)]

    async def stored_stream(
        self, stream: str, *, after: int = 0, until: int = MAX_VERSION, limit: int = 1_000
    ) -> Sequence[StoredFact]:
        """Facts of one stream with `after < version <= until`, as they are stored."""
        return [stored_fact(row) for row in await self._pool.fetch(READ_STREAM, stream, after, until, limit)]

    async def check_present(self, after: int) -> None:
        """Raises PositionsArchived if facts beyond position `after` are in archives."""
        await check_present(self._pool, after)

    async def _readable(self, rows: Rows, facts: T) -> T:
        """The keys are at hand to decode these facts."""
        transcoder = self._mapper.transcoder
        if persons := transcoder.divider.persons((fact["type"], fact["body"]) for fact in facts):
            await transcoder.vault.learn(rows, persons)
        return facts

    def decode(self, stored: StoredFact) -> Recorded:
        """Of a fact without personal data. Raises UnknownFact or Undecodable."""
        recorded: Recorded = self._mapper.to_domain_event(stored)
        return recorded

    async def _rows(self, after: int, limit: int, types: Collection[str]) -> list[Any]:
        if types:
            names = self._mapper.transcoder.evolution.stored_names(types)
            with refused(after):
                return await self._pool.fetch(READ_TYPES, after, limit, list(names))
        rows = await self._pool.fetch(READ_ALL, after, limit)
        if rows and rows[-1]["position"] - max(after, 0) != len(rows):  # positions have no gaps
            await check_present(self._pool, after)
        return rows

    def _recorded(self, row: Any) -> Recorded:
        position, fact_id, stream, version, type_name, schema, body, metadata, occurred_at, recorded_at = row
        return Recorded(
            self._mapper.transcoder.decode_fact(type_name, schema, body),
            fact_id,
            stream,
            version,
            position,
            decode_metadata(metadata),
            occurred_at,
            recorded_at,
        )


def stored_fact(row: Any) -> StoredFact:
    return StoredFact(
        originator_id=row["stream"],
        originator_version=row["version"],
        topic=row["type"],
        state=row["body"].encode(),
        id=row["position"],
        fact_id=row["id"],
        schema_version=row["schema_version"],
        metadata=row["metadata"].encode(),
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
    )
