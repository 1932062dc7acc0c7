"""The book as a feed for auditors: facts as they are stored, by position, and the position that a time stands for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from events.store import Archive, PositionsArchived
from infrastructure.archive.catalog import refused
from infrastructure.codec import StoredFact
from infrastructure.database import Pool
from infrastructure.event_store import COLUMNS, HEAD_POSITION, stored_fact
from queries.rows import Listing, Window

SCANNED_FACTS = 100_000
SCANNING_S = 2.0

FEED = Listing(
    COLUMNS,
    "facts",
    {"position": "bigint"},
    filters={
        "type": "type = {}",
        "stream": "stream = {}",
        "actor": "metadata ->> 'actor' = {}",
        "correlation": "metadata ->> 'correlation_id' = {}",
        "until": "position <= {}",
        "after": "facts_present({})",
    },
)
STREAM = Listing(
    COLUMNS,
    "facts",
    {"version": "integer"},
    descending=True,
    filters={
        "stream": "stream = {}",
        "types": "type = ANY ({}::text[])",
        "sku": "body ->> 'sku' = {}",
        "until": "position <= {}",
        "known_by": "recorded_at <= {}",
    },
)
# Statements wait here for an append that is being committed: its time may lie before the time asked about.
END_OF_BOOK = """SELECT position, recorded_at <= $1::timestamptz AS all_by_then, $1 > clock_timestamp() AS in_future
    FROM head FOR SHARE"""
# `recorded_at` never goes back along positions, and positions have no gaps behind the last archive: halving finds the
# last one by then.
LAST_BY = """WITH RECURSIVE halved (low, high) AS (
        SELECT coalesce(max(last_position), 0), $2::bigint FROM archives
        UNION ALL
        SELECT CASE WHEN f.recorded_at <= $1 THEN f.position ELSE low END,
               CASE WHEN f.recorded_at <= $1 THEN high ELSE f.position - 1 END
        FROM halved JOIN facts f ON f.position = (low + high + 1) / 2 WHERE low < high
    ) SELECT low FROM halved WHERE low = high"""
NOT_BY = """SELECT first_position, last_position, file, sha256 FROM archives
    WHERE last_position = (SELECT max(last_position) FROM archives) AND recorded_to > $1"""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Going on after `next_after` misses nothing; with `has_more` there is more already."""

    facts: Sequence[StoredFact]
    next_after: int
    has_more: bool


async def read_feed(
    pool: Pool,
    *,
    after: int,
    limit: int,
    filters: Mapping[str, str],
    step: int = SCANNED_FACTS,
    patience_s: float = SCANNING_S,
    until: int | None = None,
) -> FeedPage:
    """Up to `limit` facts beyond position `after` and not beyond `until`, of which all `filters` (see FEED) are true.

    Who did a thing is not indexed, since appends would pay for it: such a search goes through the book in steps, and
    after `patience_s` hands over what it has found until then.

    Raises PositionsArchived if any fact beyond `after` is in an archive.
    """
    head: int = await pool.fetchval(HEAD_POSITION) if until is None else until
    searches = not filters.keys().isdisjoint({"actor", "correlation"}) and "stream" not in filters
    deadline = asyncio.get_running_loop().time() + patience_s
    facts: list[StoredFact] = []
    while after < head:
        end = min(after + step, head) if searches else head
        with refused(after):
            part = await FEED.part(
                pool, Window(limit - len(facts), (after,)), {**filters, "until": end, "after": after}
            )
        facts += map(stored_fact, part.rows)
        if part.next is not None:
            return FeedPage(facts, facts[-1].id, True)
        after = end
        if len(facts) == limit or asyncio.get_running_loop().time() >= deadline:
            break
    return FeedPage(facts, after, after < head)


async def position_at(pool: Pool, time: datetime) -> int | None:
    """The position of the last fact recorded at `time` or before; None if that is not settled, as `time` is to come.

    Raises PositionsArchived for a time that only an archive can tell of."""
    end = await pool.fetchrow(END_OF_BOOK, time)
    assert end is not None
    if end["in_future"]:
        return None
    if end["all_by_then"]:
        return int(end["position"])
    position: int = await pool.fetchval(LAST_BY, time, end["position"])
    # Asked afterwards, so that an archive made meanwhile is noticed.
    if (archive := await pool.fetchrow(NOT_BY, time)) is not None:
        raise PositionsArchived(0, [Archive(*archive)])
    return position
