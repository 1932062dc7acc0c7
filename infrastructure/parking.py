"""What waits to be projected: facts that failed, and the queues behind them. Retried, or skipped with a reason."""

from collections.abc import Sequence

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

PARKED_KEYS = "SELECT DISTINCT key FROM parked WHERE projection = $1"
PARK = """INSERT INTO parked (projection, key, position, stream, version, type, error)
    SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::integer[], $6::text[], $7::text[])
    ON CONFLICT (projection, key, position) DO UPDATE SET error = excluded.error,
        attempts = parked.attempts + (excluded.error IS NOT NULL)::integer"""
FAILED = "SELECT projection, key, position FROM parked WHERE id = $1"
QUEUE = "SELECT position FROM parked WHERE projection = $1 AND key = $2 ORDER BY position"
UNPARK = "DELETE FROM parked WHERE projection = $1 AND key = $2 AND position = ANY ($3::bigint[])"
SKIPPED = """SELECT body ->> 'key', (body ->> 'position')::bigint FROM facts
    WHERE stream = $1 AND type = 'FactSkipped'"""
FIRST = "SELECT min(position) FROM parked WHERE projection = $1 AND key = $2"


async def parked_keys(connection: Pool | Connection, name: str) -> set[str]:
    return {key for (key,) in await connection.fetch(PARKED_KEYS, name)}


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

    Raises NotFound if nothing is parked under this id."""
    async with pool.acquire() as connection, connection.transaction():
        projection, key, _ = await _located(connection, parked_id)
        await interrupt(connection, projection)
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

    Raises NotFound unless the id is that of a fact that failed (not of one that waits behind it)."""
    async with pool.acquire() as connection, connection.transaction():
        projection, key, position = await _located(connection, parked_id)
        if await connection.fetchval(FIRST, projection, key) != position:
            raise NotFound("failed fact", str(parked_id))
    await handler(SkipFact(projection, key, position, reason), metadata=metadata)
    async with pool.acquire() as connection, connection.transaction():
        await interrupt(connection, projection)
        await connection.execute(UNPARK, projection, key, [position])
        return await _retry_queue(connection, store, projection, key)


async def _located(connection: Connection, parked_id: int) -> tuple[str, str, int]:
    row = await connection.fetchrow(FAILED, parked_id)
    if row is None:
        raise NotFound("parked fact", str(parked_id))
    projection, key, position = row
    return projection, key, position


async def _retry_queue(connection: Connection, store: PostgresEventStore, name: str, key: str) -> Folded:
    projection = next(each for each in PROJECTIONS if each.name == name)
    others = await parked_keys(connection, name) - {key}
    queue = [row["position"] for row in await connection.fetch(QUEUE, name, key)]
    facts = await store.read_positions(queue, connection)
    only_key = None if key.startswith("stream:") else key  # a fact may touch other rows too: those have it already
    table = await ReadTable.open(connection, projection)
    folded = await fold_page(connection, projection, table, facts, others, only_key=only_key)
    still = {parked.position for parked in folded.parked if parked.key == key}
    await connection.execute(UNPARK, name, key, [position for position in queue if position not in still])
    await park(connection, name, folded.parked)
    await renew(connection)  # an entry may stand for the present position and show the row as it was before
    return folded
