"""Folding a read table anew from the first fact, beside live traffic, and putting it in the place of the old one.

The new rows grow in a shadow table with a checkpoint, a lease and parked keys of its own, so a rebuild that was
interrupted goes on where it stopped, and two cannot get in each other's way. When the shadow has come close, one
transaction holds the live projection still, folds the rest, compares if asked to, and changes the names. The old table
stays until the next rebuild. No cache, mail or webhook hears of any of this.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from events import EVENT_TYPES
from infrastructure.database import Connection, Pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.folding import fold_page
from infrastructure.leases import Lease, LeaseLost, Leases
from infrastructure.parking import LOCK, park, parked_keys, skipped_facts
from infrastructure.read_table import ReadTable
from projections.projection import Projection

PAGE_FACTS = 5_000
LAST_STEP_FACTS = 2_000
SHADOW, OLD = "__new", "__old"
DIFFERENCES_SHOWN = 20

_POSITIONS = "SELECT name, position FROM projections WHERE name = ANY ($1::text[])"
_FORGET_SHADOW = "DELETE FROM projections WHERE name = $1"
_MOVE_PARKED = "UPDATE parked SET projection = $2 WHERE projection = $1"
_DROP_PARKED = "DELETE FROM parked WHERE projection = $1"
_SWITCHED = """UPDATE projections SET position = $2, epoch = epoch + 1, last_error = NULL,
    lease_until = '-infinity' WHERE name = $1"""
_KEPT = """INSERT INTO projections (name, position) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position"""
# What an index is, apart from its name and table: two tables' indexes are matched by it.
_INDEXES = """SELECT indisprimary || substring(pg_get_indexdef(indexrelid) FROM ' USING .*') AS definition,
        indexrelid::regclass::text AS name
    FROM pg_index WHERE indrelid = to_regclass($1)"""


class RebuildRunning(Exception):
    """Someone else is rebuilding this projection right now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is; `eta_s` is None as long as nothing can be said."""

    position: int
    head: int
    facts_per_s: float
    eta_s: float | None


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild came to. With a comparison, `different` counts rows that were not as the facts say."""

    position: int = 0
    seconds: float = 0.0
    parked: int = 0
    different: int | None = None
    examples: Sequence[str] = ()


async def rebuild(
    pool: Pool,
    store: PostgresEventStore,
    projection: Projection[Any],
    *,
    owner: str,
    compare: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Rebuilt:
    """Raises RebuildRunning, PositionsArchived if not all facts that are left to fold are in the book, or LeaseLost if
    this process was held up for longer than its lease."""
    shadow = projection.name + SHADOW
    leases = Leases(pool, [shadow], owner)
    await leases.prepare()
    await leases.take()
    if shadow not in leases.held:
        raise RebuildRunning(projection.name)
    started = time.perf_counter()
    try:
        lease = leases.held[shadow]
        await store.check_present(lease.position)
        if lease.position == 0:
            await _make_shadow(pool, projection.name, lease)
        table = await ReadTable.open(pool, projection, shadow)
        await _catch_up(pool, store, projection, table, leases, lease, on_progress)
        rebuilt = await _switch(pool, store, projection, table, lease, compare)
    finally:
        await leases.release()
    rebuilt.seconds = time.perf_counter() - started
    return rebuilt


async def roll_back(pool: Pool, store: PostgresEventStore, projection: Projection[Any]) -> None:
    """Put the table that the last rebuild replaced back, brought up to where the live one stands.

    Raises LookupError if there is none."""
    live, old = projection.name, projection.name + OLD
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, [live, old])
        positions = dict(map(tuple, await connection.fetch(_POSITIONS, [live, old])))
        if old not in positions:
            raise LookupError(f"no earlier table of {live} is kept")
        lease = Lease(old, positions[old], 0)
        table = await ReadTable.open(connection, projection, old)
        # Readers know how far the live table was: what takes its place may not stand behind that.
        while lease.position < positions[live]:
            lease.position = await _fold_on(connection, store, projection, table, lease, positions[live])
        await _rename(connection, live, "", SHADOW)
        await _rename(connection, live, OLD, "")
        await _rename(connection, live, SHADOW, OLD)
        await connection.execute(_DROP_PARKED, live)
        await connection.execute(_MOVE_PARKED, old, live)
        await connection.execute(_SWITCHED, live, lease.position)
        await connection.execute(_KEPT, old, positions[live])


async def _catch_up(
    pool: Pool,
    store: PostgresEventStore,
    projection: Projection[Any],
    table: ReadTable[Any],
    leases: Leases,
    lease: Lease,
    on_progress: Callable[[Progress], None],
) -> None:
    """Page by page until the shadow is within one step of the live table."""
    started, first = time.perf_counter(), lease.position
    while True:
        head = await store.head()
        took = time.perf_counter() - started
        rate = (lease.position - first) / took if took > 0 else 0.0
        on_progress(Progress(lease.position, head, rate, (head - lease.position) / rate if rate else None))
        if head - lease.position <= LAST_STEP_FACTS:
            return
        async with pool.acquire() as connection, connection.transaction():
            end = await _fold_on(connection, store, projection, table, lease, head)
            await leases.advance(connection, [lease], end, rate)
        lease.position = end


async def _fold_on(
    connection: Connection,
    store: PostgresEventStore,
    projection: Projection[Any],
    table: ReadTable[Any],
    lease: Lease,
    head: int,
) -> int:
    """One page into the shadow; the position that it has come to."""
    wanted = {fact.__name__ for fact in projection.facts}
    but = EVENT_TYPES.keys() - wanted
    facts = await store.read_page(lease.position, limit=PAGE_FACTS, but=but, until=head, via=connection)
    keys = (await parked_keys(connection, [lease.name]))[lease.name]
    skipped = await skipped_facts(connection, projection.name)
    folded = await fold_page(connection, projection, table, facts, keys, skipped=skipped)
    await park(connection, lease.name, folded.parked)
    return facts[-1].position if len(facts) == PAGE_FACTS else head


async def _switch(
    pool: Pool,
    store: PostgresEventStore,
    projection: Projection[Any],
    table: ReadTable[Any],
    lease: Lease,
    compare: bool,
) -> Rebuilt:
    live, shadow, old = projection.name, lease.name, projection.name + OLD
    rebuilt = Rebuilt()
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, [live, shadow])  # the live projection's next page waits for this transaction
        if await connection.fetchval("SELECT epoch FROM projections WHERE name = $1", shadow) != lease.epoch:
            raise LeaseLost(shadow)
        live_position = dict(map(tuple, await connection.fetch(_POSITIONS, [live])))[live]
        while lease.position < live_position:
            lease.position = await _fold_on(connection, store, projection, table, lease, live_position)
        if compare and lease.position == live_position:
            rebuilt.different, rebuilt.examples = await _compared(connection, projection, shadow)
        await connection.execute(f"DROP TABLE IF EXISTS {old}")
        await _rename(connection, live, "", OLD)
        await _rename(connection, live, SHADOW, "")
        await connection.execute(_DROP_PARKED, live)
        await connection.execute(_MOVE_PARKED, shadow, live)
        await connection.execute(_SWITCHED, live, lease.position)
        await connection.execute(_KEPT, old, live_position)
        await connection.execute(_FORGET_SHADOW, shadow)
        rebuilt.parked = await connection.fetchval("SELECT count(*) FROM parked WHERE projection = $1", live)
    rebuilt.position = lease.position
    return rebuilt


async def _compared(connection: Connection, projection: Projection[Any], shadow: str) -> tuple[int, Sequence[str]]:
    """How many rows the live table has otherwise than the shadow, and the keys of some of them."""
    key = ", ".join(projection.key)
    differing = f"""FROM {projection.name} AS live FULL JOIN {shadow} AS fresh USING ({key})
        WHERE live::text IS DISTINCT FROM fresh::text"""
    count: int = await connection.fetchval(f"SELECT count(*) {differing}")
    rows = await connection.fetch(f"SELECT {key} {differing} ORDER BY {key} LIMIT {DIFFERENCES_SHOWN}")
    return count, ["/".join(map(str, row)) for row in rows]


async def _make_shadow(pool: Pool, live: str, lease: Lease) -> None:
    """An empty table like the live one, whose indexes are named after the live one's.

    Raises LeaseLost: another's shadow must not be dropped."""
    shadow = lease.name
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, [shadow])
        held = await connection.fetchrow("SELECT epoch, position FROM projections WHERE name = $1", shadow)
        if held is None or tuple(held) != (lease.epoch, 0):
            raise LeaseLost(shadow)
        await connection.execute(f"DROP TABLE IF EXISTS {shadow}")
        await connection.execute(f"CREATE TABLE {shadow} (LIKE {live} INCLUDING ALL)")
        names = dict(map(tuple, await connection.fetch(_INDEXES, live)))
        for definition, made in map(tuple, await connection.fetch(_INDEXES, shadow)):
            await connection.execute(f"ALTER INDEX {made} RENAME TO {names[definition]}{SHADOW}")


async def _rename(connection: Connection, live: str, suffix: str, new_suffix: str) -> None:
    """A table together with its indexes, so that the live set has the names that migrations know."""
    await connection.execute(f"ALTER TABLE {live}{suffix} RENAME TO {live}{new_suffix}")
    for _, index in map(tuple, await connection.fetch(_INDEXES, live + new_suffix)):
        await connection.execute(f"ALTER INDEX {index} RENAME TO {index.removesuffix(suffix)}{new_suffix}")
