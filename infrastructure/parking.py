"""What waits to be projected: facts that failed, and the queues behind them. Retried, or skipped with a reason.

Only what a live table lacks can be: what a rebuild's shadow or a replaced table lacks waits with it.
"""

from collections.abc import Sequence
from typing import Any

from commands.handler import Handler
from commands.operations import SkipFact
from commands.rejections import NotFound
from events import stream_name
from events.store import Metadata
from infrastructure.cache_generation import renew
from infrastructure.database import Connection, Pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.fold import Parked
from infrastructure.folding import Folded, fold_page
from infrastructure.leases import interrupt
from infrastructure.read_table import ReadTable
from projections import PROJECTIONS
from projections.projection import Projection

PARKED_KEYS = "SELECT DISTINCT key FROM parked WHERE projection = $1"
PARK = """INSERT INTO parked (projection, key, position, stream, version, type, error)
    SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::integer[], $6::text[], $7::text[])
    ON CONFLICT (projection, key, position) DO UPDATE SET error = excluded.error,
        attempts = parked.attempts + (excluded.error IS NOT NULL)::integer"""
FAILED = "SELECT projection, key, position FROM parked WHERE id = $1 AND projection = ANY ($2::text[])"
QUEUE = "SELECT position FROM parked WHERE projection = $1 AND key = $2 ORDER BY position"
UNPARK = "DELETE FROM parked WHERE projection = $1 AND key = $2 AND position = ANY ($3::bigint[])"
SKIPPED = """SELECT body ->> 'key', (body ->> 'position')::bigint FROM facts
    WHERE stream = $1 AND type = 'FactSkipped'"""
FIRST = "SELECT min(position) FROM parked WHERE projection = $1 AND key = $2"
WAITING = "SELECT key, position FROM parked WHERE projection = $1 ORDER BY position"
NUMBER = "SELECT count(*) FROM parked WHERE projection = $1"


async def parked_keys(connection: Pool | Connection, name: str) -> set[str]:
    return {key for (key,) in await connection.fetch(PARKED_KEYS, name)}


async def number_parked(connection: Connection, name: str) -> int:
    number: int = await connection.fetchval(NUMBER, name)
    return number


async def skipped_facts(connection: Connection, projection: str) -> set[tuple[str, int]]:
    """What has been skipped in this projection, as the book says: also a rebuild leaves it out."""
    rows = await connection.fetch(SKIPPED, stream_name("projection", projection))
    return {(row[0], row[1]) for row in rows}


async def park(connection: Connection, projection: str, parked: Sequence[Parked]) -> None:
    if parked:
        columns = zip(*((p.key, p.position, p.stream, p.version, p.type, p.error) for p in parked), strict=True)
        await connection.execute(PARK, projection, *map(list, columns))


async def retry(pool: Pool, store: PostgresEventStore, parked_id: int) -> Folded:
    """Try the whole queue of a parked fact's key again, in order, up to the first that still fails.

    Raises NotFound if nothing is parked under this id, PositionsArchived if some of it is not in the book."""
    async with pool.acquire() as connection, connection.transaction():
        projection, key, _ = await _located(connection, parked_id)
        await interrupt(connection, projection.name)
        return await _retry_queue(connection, store, projection, key)


async def skip(
    pool: Pool,
    store: PostgresEventStore,
    handler: Handler,
    parked_id: int,
    *,
    reason: str,
    metadata: Metadata,
) -> Folded:
    """Leave a failed fact out of its projection, for a reason that goes into the book, and go on with its queue.

    Raises NotFound unless the id is that of a fact that failed (not of one that waits behind it), and, when it has been
    skipped, PositionsArchived if some of what waits behind it is not in the book."""
    async with pool.acquire() as connection, connection.transaction():
        projection, key, position = await _located(connection, parked_id)
        if await connection.fetchval(FIRST, projection.name, key) != position:
            raise NotFound("failed fact", str(parked_id))
    await handler(SkipFact(projection.name, key, position, reason), metadata=metadata)
    async with pool.acquire() as connection, connection.transaction():
        await interrupt(connection, projection.name)
        await connection.execute(UNPARK, projection.name, key, [position])
    async with pool.acquire() as connection, connection.transaction():  # its own: what waits behind may be archived
        await interrupt(connection, projection.name)
        return await _retry_queue(connection, store, projection, key)


async def take_up_skipped(connection: Connection, store: PostgresEventStore, projection: Projection[Any]) -> None:
    """Leave out what was skipped while another table was the live one, and go on with what waits behind it here."""
    skipped = await skipped_facts(connection, projection.name)
    waiting = map(tuple, await connection.fetch(WAITING, projection.name))
    for key in dict.fromkeys(key for key, position in waiting if (key, position) in skipped):
        await _retry_queue(connection, store, projection, key)


async def _located(connection: Connection, parked_id: int) -> tuple[Projection[Any], str, int]:
    projections = {projection.name: projection for projection in PROJECTIONS}
    row = await connection.fetchrow(FAILED, parked_id, list(projections))
    if row is None:
        raise NotFound("parked fact", str(parked_id))
    name, key, position = row
    return projections[name], key, position


async def _retry_queue(
    connection: Connection, store: PostgresEventStore, projection: Projection[Any], key: str
) -> Folded:
    name = projection.name
    others, skipped = await parked_keys(connection, name) - {key}, await skipped_facts(connection, name)
    queue = [row["position"] for row in await connection.fetch(QUEUE, name, key)]
    wanted = [position for position in queue if (key, position) not in skipped]
    facts = await store.read_positions(wanted, connection)
    if len(facts) < len(wanted):  # only after a rollback: what a replaced table lacks holds no archive back
        await store.check_present(wanted[0] - 1)
    only_key = None if key.startswith("stream:") else key  # a fact may touch other rows too: those have it already
    table = await ReadTable.open(connection, projection)
    folded = await fold_page(connection, projection, table, facts, others, only_key=only_key, skipped=skipped)
    still = {parked.position for parked in folded.parked if parked.key == key}
    await connection.execute(UNPARK, name, key, [position for position in queue if position not in still])
    await park(connection, name, folded.parked)
    await renew(connection)  # an entry may stand for the present position and show the row as it was before
    return folded
