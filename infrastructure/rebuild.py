"""Folding a read table anew from the first fact, beside live traffic, and putting it in the place of the old one.

The new rows grow in a shadow table with a checkpoint, a lease and parked keys of its own, so a rebuild that was
interrupted goes on where it stopped (unless the code or the table has changed since, or it was divided among processes
that are not to be had now: then it begins anew), and two cannot get in each other's way. When the shadow has come
close, one transaction holds the live projection still, folds the rest, compares if asked to, and changes the names.
The old table stays until the next rebuild, with what is parked of it. Caches begin anew with the switch; no mail or
webhook hears of any of this.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from infrastructure.cache_generation import renew
from infrastructure.database import Pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.filling import Filling, Progress
from infrastructure.leases import LOCK, Lease, LeaseLost, Leases, standing
from infrastructure.parking import number_parked, take_up_skipped
from infrastructure.read_table import ReadTable
from infrastructure.shadow_table import (
    ASIDE,
    OLD,
    SHADOW,
    Difference,
    compared,
    drop,
    is_resumable,
    make_shadow,
    rename,
)
from infrastructure.shares import DIVIDED_FROM, Processes, fill_in_shares, shares_begun
from infrastructure.source_hash import source_of
from projections.projection import Projection

_STANDING = "SELECT name, position, source FROM projections WHERE name = ANY ($1::text[])"
_OWNED = "SELECT pg_has_role((SELECT relowner FROM pg_class WHERE oid = to_regclass($1)), 'USAGE')"
_FORGET_SHADOW = "DELETE FROM projections WHERE name = $1"
_SWITCHED = """UPDATE projections SET position = $2, source = $3, epoch = epoch + 1, last_error = NULL,
    lease_until = '-infinity' WHERE name = $1"""
_KEPT = """INSERT INTO projections (name, position, source) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position, source = excluded.source"""

log = structlog.get_logger(__name__)


class NotTheOwner(Exception):
    """The role of this connection may write the table, and not put another one in its place."""


class RebuildRunning(Exception):
    """Someone else is rebuilding this projection right now."""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild came to. With a comparison, `different` counts rows that were not as the facts say.

    `begun_anew`: why an earlier rebuild that was interrupted could not be gone on with. `processes`: how many it was
    gone on with, if that is not how many were asked for."""

    position: int = 0
    seconds: float = 0.0
    parked: int = 0
    begun_anew: str | None = None
    processes: int | None = None
    different: int | None = None
    examples: Sequence[Difference] = ()


async def rebuild(
    pool: Pool,
    store: PostgresEventStore,
    projection: Projection[Any],
    *,
    owner: str,
    compare: bool = False,
    processes: Processes | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Rebuilt:
    """With `processes` rows that can be folded side by side are folded by so many, or as many as an earlier rebuild had
    that was interrupted.

    Raises NotTheOwner, RebuildRunning, PositionsArchived if not all facts that are left to fold are in the book,
    LeaseLost if this process was held up for longer than its lease, or ShareFailed."""
    if projection.stream is None:
        processes = None
    live, shadow = projection.name, projection.name + SHADOW
    await check_owner(pool, projection)
    await Leases(pool, [live, shadow], owner).prepare()  # no worker may have begun the live one either
    leases = Leases(pool, [shadow], owner)
    await leases.take()
    if shadow not in leases.held:
        raise RebuildRunning(live)
    started, source, rebuilt = time.perf_counter(), source_of(projection), Rebuilt()
    try:
        lease = leases.held[shadow]
        in_shares = await shares_begun(pool, shadow)
        begun = in_shares > 0 or lease.position > 0
        reason = await _why_anew(pool, live, lease, source, in_shares, processes)
        goes_on = begun and reason is None
        await store.check_present(lease.position if goes_on else 0)
        if not goes_on:
            if begun:
                rebuilt.begun_anew = reason
                log.warning("rebuild_begun_anew", projection=live, left_at=lease.position, reason=reason)
            await make_shadow(pool, live, lease, source)
        elif processes and in_shares not in (0, processes.number):
            rebuilt.processes = in_shares
            log.warning("rebuild_goes_on", projection=live, processes=in_shares, asked=processes.number)
            processes = replace(processes, number=in_shares)
        filling = Filling(store, projection, await ReadTable.open(pool, projection, shadow), lease)
        divided = in_shares > 0 if goes_on else await store.head() >= DIVIDED_FROM
        if processes and divided:
            await fill_in_shares(pool, filling, leases, processes, on_progress)
        await filling.catch_up(pool, leases, on_progress)
        await _switch(pool, filling, source, compare, rebuilt)
    finally:
        await leases.release()
    rebuilt.seconds = time.perf_counter() - started
    return rebuilt


async def _why_anew(
    pool: Pool, live: str, lease: Lease, source: str, in_shares: int, processes: Processes | None
) -> str | None:
    """Why what was begun cannot be gone on with; None if it can."""
    if not await is_resumable(pool, live, lease.name, source):
        return "it was of other code, or for another table"
    if in_shares and processes is None:
        return f"it was divided among {in_shares} processes, and this one is not"
    return None


async def check_owner(pool: Pool, projection: Projection[Any]) -> None:
    """Raises NotTheOwner."""
    if not await pool.fetchval(_OWNED, projection.name):
        raise NotTheOwner(
            f"the database role of this service may not replace tables: run `daybook projections rebuild "
            f"{projection.name}` with the DATABASE_URL that `daybook migrate` is run with"
        )


async def check_possible(pool: Pool, store: PostgresEventStore, projection: Projection[Any]) -> None:
    """Before a rebuild that nobody waits for. Raises NotTheOwner, RebuildRunning or PositionsArchived."""
    await check_owner(pool, projection)
    live, shadow = projection.name, projection.name + SHADOW
    position, is_held = await standing(pool, shadow)
    if is_held:
        raise RebuildRunning(f"{live} is being rebuilt already.")
    goes_on = await is_resumable(pool, live, shadow, source_of(projection))
    await store.check_present(position if goes_on else 0)


async def roll_back(pool: Pool, store: PostgresEventStore, projection: Projection[Any]) -> int:
    """Put the table that the last rebuild replaced back, brought up to where the live one stands. How many facts wait
    to get into it.

    Raises LookupError if there is none, PositionsArchived if it lacks facts that are not in the book."""
    live, old = projection.name, projection.name + OLD
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, [live, old])
        standing = {name: rest for name, *rest in await connection.fetch(_STANDING, [live, old])}
        if old not in standing:
            raise LookupError(f"no earlier table of {live} is kept")
        (live_position, live_source), (old_position, old_source) = standing[live], standing[old]
        filling = Filling(
            store, projection, await ReadTable.open(connection, projection, old), Lease(old, old_position, 0)
        )
        # Readers know how far the live table was: what takes its place may not stand behind that.
        while filling.lease.position < live_position:
            filling.lease.position = await filling.page(connection, live_position)
        await rename(connection, live, "", ASIDE)
        await rename(connection, live, OLD, "")
        await rename(connection, live, ASIDE, OLD)
        await take_up_skipped(connection, store, projection)
        await connection.execute(_SWITCHED, live, filling.lease.position, old_source)
        await connection.execute(_KEPT, old, live_position, live_source)
        await renew(connection)
        return await number_parked(connection, live)


async def _switch(pool: Pool, filling: Filling, source: str, compare: bool, rebuilt: Rebuilt) -> None:
    projection, lease = filling.projection, filling.lease
    live, shadow, old = projection.name, lease.name, projection.name + OLD
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, [live, shadow])  # the live projection's next page waits for this transaction
        if await connection.fetchval("SELECT epoch FROM projections WHERE name = $1", shadow) != lease.epoch:
            raise LeaseLost(shadow)
        [(_, live_position, live_source)] = await connection.fetch(_STANDING, [live])
        while lease.position < live_position:
            lease.position = await filling.page(connection, live_position)
        if compare and lease.position == live_position:
            rebuilt.different, rebuilt.examples = await compared(connection, projection, shadow)
        await drop(connection, old)
        await rename(connection, live, "", OLD)
        await rename(connection, live, SHADOW, "")
        await take_up_skipped(connection, filling.store, projection)
        await connection.execute(_SWITCHED, live, lease.position, source)
        await connection.execute(_KEPT, old, live_position, live_source)
        await connection.execute(_FORGET_SHADOW, shadow)
        rebuilt.parked = await number_parked(connection, live)
        await renew(connection)
    rebuilt.position = lease.position
