"""The tables beside a live one: the shadow that a rebuild fills, and the old one that it has replaced.

What is parked belongs to the table that lacks it, and goes where that goes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infrastructure.database import Connection, Pool
from infrastructure.leases import LOCK, Lease, LeaseLost
from infrastructure.read_table import COLUMN_TYPES
from projections.projection import Projection

SHADOW, OLD = "__new", "__old"
ASIDE = "__out"
"""Of a table that changes places with another, until the transaction ends."""
DIFFERENCES_SHOWN = 20

MOVE_PARKED = "UPDATE parked SET projection = $2 WHERE projection = ANY ($1::text[])"
_DROP_PARKED = "DELETE FROM parked WHERE projection = $1"
# Also those of an earlier rebuild with another number of processes.
FORGET_SHARES = """WITH shares AS (
        DELETE FROM projections WHERE name ~ ('^' || $1 || '_[0-9]+of[0-9]+$') RETURNING name
    ) DELETE FROM parked USING shares WHERE projection = shares.name"""
_SOURCE = "SELECT source FROM projections WHERE name = $1"
_BEGIN = "UPDATE projections SET position = 0, source = $2 WHERE name = $1"
# What an index is, apart from its name and table: two tables' indexes are matched by it.
_INDEXES = """SELECT indisprimary || substring(pg_get_indexdef(indexrelid) FROM ' USING .*') AS definition,
        indexrelid::regclass::text AS name
    FROM pg_index WHERE indrelid = to_regclass($1)"""

# A table that is made like another one does not come with who may use it.
_GRANTS = """SELECT format('GRANT %s ON %s TO %I', a.privilege_type, $2::text, r.rolname)
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs in a row: as the live table had it, and as the facts say. None where there is no such row."""

    key: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


async def is_resumable(pool: Pool, live: str, shadow: str, source: str) -> bool:
    """Whether a shadow that was begun was begun by the same code for a table like the live one."""
    if await pool.fetchval(_SOURCE, shadow) != source:
        return False
    columns = [set(map(tuple, await pool.fetch(COLUMN_TYPES, table))) for table in (live, shadow)]
    return columns[0] == columns[1]


async def hold(connection: Connection, lease: Lease) -> None:
    """Keep the lease until the caller's transaction ends. Raises LeaseLost if it is another's by now."""
    await connection.execute(LOCK, [lease.name])
    held = await connection.fetchrow("SELECT epoch, position FROM projections WHERE name = $1", lease.name)
    if held is None or tuple(held) != (lease.epoch, lease.position):
        raise LeaseLost(lease.name)


async def make_shadow(pool: Pool, live: str, lease: Lease, source: str) -> None:
    """An empty table like the live one, whose indexes are named after the live one's. The lease begins at 0.

    Raises LeaseLost: another's shadow must not be dropped."""
    shadow = lease.name
    async with pool.acquire() as connection, connection.transaction():
        await hold(connection, lease)
        await drop(connection, shadow)
        await connection.execute(f"CREATE TABLE {shadow} (LIKE {live} INCLUDING ALL)")
        for (grant,) in await connection.fetch(_GRANTS, live, shadow):
            await connection.execute(grant)
        names = dict(map(tuple, await connection.fetch(_INDEXES, live)))
        for definition, made in map(tuple, await connection.fetch(_INDEXES, shadow)):
            await connection.execute(f"ALTER INDEX {made} RENAME TO {names[definition]}{SHADOW}")
        await connection.execute(FORGET_SHARES, shadow)
        await connection.execute(_BEGIN, shadow, source)
    lease.position = 0


async def compared(
    connection: Connection, projection: Projection[Any], shadow: str
) -> tuple[int, Sequence[Difference]]:
    """How many rows the live table has otherwise than the shadow, and what differs in some of them."""
    key = ", ".join(projection.key)
    differing = f"""FROM {projection.name} AS live FULL JOIN {shadow} AS fresh USING ({key})
        WHERE live::text IS DISTINCT FROM fresh::text"""
    count: int = await connection.fetchval(f"SELECT count(*) {differing}")
    rows = await connection.fetch(
        f"SELECT {key}, to_json(live), to_json(fresh) {differing} ORDER BY {key} LIMIT {DIFFERENCES_SHOWN}"
    )
    return count, [_difference(names, before, after) for *names, before, after in map(tuple, rows)]


def _difference(names: Sequence[object], before: str | None, after: str | None) -> Difference:
    key, had, has = "/".join(map(str, names)), *(json.loads(row or "null") for row in (before, after))
    if had and has:
        columns = [column for column in had if had[column] != has[column]]
        had, has = ({column: row[column] for column in columns} for row in (had, has))
    return Difference(key, had, has)


async def drop(connection: Connection, table: str) -> None:
    """A table, if it is there, together with what is parked of it."""
    await connection.execute(f"DROP TABLE IF EXISTS {table}")
    await connection.execute(_DROP_PARKED, table)


async def rename(connection: Connection, live: str, suffix: str, new_suffix: str) -> None:
    """A table together with what is parked of it, and its indexes, so that the live set has the names that migrations
    know."""
    await connection.execute(MOVE_PARKED, [live + suffix], live + new_suffix)
    await connection.execute(f"ALTER TABLE {live}{suffix} RENAME TO {live}{new_suffix}")
    for _, index in map(tuple, await connection.fetch(_INDEXES, live + new_suffix)):
        await connection.execute(f"ALTER INDEX {index} RENAME TO {index.removesuffix(suffix)}{new_suffix}")
