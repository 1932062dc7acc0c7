"""Read tables let go of what is personal of those who are forgotten, at the position where that was recorded.

Whoever folds the table anew gets the same rows: the facts cannot be read any more either.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from events.privacy import SubjectForgotten
from events.store import Fact
from infrastructure.codec import Unread
from infrastructure.database import Connection
from infrastructure.event_store import Share, in_share
from infrastructure.read_table import COLUMN_TYPES
from infrastructure.shadow_table import OLD, SHADOW
from projections.projection import Projection

# A rebuild that is under way comes to the same fact by itself, and what it has written is its own.
_ABANDONED = "SELECT count(*) = 0 FROM projections WHERE name = $1 AND lease_until > clock_timestamp()"


def forgotten_in(facts: Iterable[Fact[Any] | Unread]) -> list[str]:
    """Who is forgotten by these facts."""
    return [fact.event.person_id for fact in facts if type(fact.event) is SubjectForgotten]


async def scrub(
    connection: Connection,
    projection: Projection[Any],
    persons: Collection[str],
    table: str | None = None,
    share: Share | None = None,
) -> None:
    """In the projection's own table, or another one of its kind, inside the caller's transaction. With a `share` its
    rows only: others are being written elsewhere."""
    table = table or projection.name
    if not persons or not projection.personal:
        return
    there = {row["name"] for row in await connection.fetch(COLUMN_TYPES, table)}
    columns = [name for name in projection.personal if name in there]
    if columns:  # one that a rebuild has left may be of an earlier schema, or not be there
        changes = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
        values = [projection.personal[name] for name in columns]
        sql = f"UPDATE {table} SET {changes} WHERE {projection.person} = ANY ($1::text[])"
        if share is not None:
            stream = f"'{projection.stream}-' || {projection.key[0]}"
            sql += f" AND {in_share(stream, *map(str, share))}"
        await connection.execute(sql, list(persons), *values)


async def scrub_all(connection: Connection, projections: Sequence[Projection[Any]], persons: Collection[str]) -> None:
    """In the tables that are read, and in those that rebuilds have left behind."""
    for projection in projections if persons else ():
        if projection.personal:
            await scrub(connection, projection, persons)
            await scrub(connection, projection, persons, projection.name + OLD)
            if await connection.fetchval(_ABANDONED, projection.name + SHADOW):
                await scrub(connection, projection, persons, projection.name + SHADOW)
