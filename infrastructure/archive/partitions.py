"""The parts that the table of facts is made of: which are full and settled, and putting one in another's place."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from commands.policy import POLICIES
from events.store import Append
from infrastructure.append_call import APPEND, arguments
from infrastructure.codec import FactTranscoder
from infrastructure.database import Connection, connect
from infrastructure.raw_append import encoded
from infrastructure.sealer import NAME as SEALER
from projections import PROJECTIONS

PARTITIONS = """SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'facts'::regclass
        AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'"""
# Tables like `facts` that no crash should leave behind, and some will: filled, and never put into their place.
LEFT_BEHIND = """SELECT c.relname FROM pg_class c
    WHERE c.relkind = 'r' AND c.relname ~ '^facts_from_[0-9]+_next$' AND NOT c.relispartition
        AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'facts'::regclass)"""
SETTLED = """SELECT (SELECT position - 1 FROM head) AS "the head of the book",
    (SELECT coalesce(max(last_position), 0) FROM seals) AS "the newest seal",
    (SELECT min(position) - 1 FROM parked WHERE projection NOT LIKE '%\\_\\_old') AS "a parked fact" """
CHECKPOINTS = "SELECT name, position FROM projections WHERE name NOT LIKE '%\\_\\_old'"

SWAP_LOCK_TIMEOUT_MS = 300
"""Appends and reads that come meanwhile wait as long as this for those that are under way, and then go on."""
SWAP_PATIENCE_S = 600.0
SWAP_PAUSE_S = (0.2, 1.0)

_TURN = 0x6172_6368_6976_65  # "archive"


class Busy(Exception):
    """Another archive is being made or restored, or reads that do not end keep a part from being exchanged."""


@dataclass(frozen=True, slots=True)
class Partition:
    table: str
    first: int
    last: int

    @property
    def next_table(self) -> str:
        return f"facts_from_{self.first}_next"


@dataclass(frozen=True, slots=True)
class Settled:
    """Up to `position` everything is sealed and seen by all who read on in the book; `by` is the last of them."""

    position: int
    by: str


async def partitions(connection: Connection) -> list[Partition]:
    """In order of positions."""
    found = []
    for table, bounds in await connection.fetch(PARTITIONS):
        first, end = map(int, re.findall(r"\d+", bounds))
        found.append(Partition(table, first, end - 1))
    return sorted(found, key=lambda partition: partition.first)


async def settled(connection: Connection) -> Settled:
    row = await connection.fetchrow(SETTLED)
    assert row is not None
    reached = {what: position for what, position in row.items() if position is not None}
    needed = dict.fromkeys([SEALER, *POLICIES, *(projection.name for projection in PROJECTIONS)], 0)
    checkpoints = needed | dict(map(tuple, await connection.fetch(CHECKPOINTS)))
    reached |= {f"the checkpoint of {name}": position for name, position in checkpoints.items()}
    by = min(reached, key=lambda what: reached[what])
    return Settled(reached[by], by)


@asynccontextmanager
async def open_workshop(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for long work, for one at a time in a database. Sweeps up what a crash has left. Raises Busy."""
    turn, connection = await connect(url), await connect(url)
    try:
        # Idle in a transaction that has read nothing: it holds nothing back, and gives way if its process dies.
        async with turn.transaction():
            if not await turn.fetchval("SELECT pg_try_advisory_xact_lock($1)", _TURN):
                raise Busy("another archive is being made or restored right now")
            await turn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # hosted servers set one
            await connection.execute("SET statement_timeout = 0")
            for (table,) in await connection.fetch(LEFT_BEHIND):
                await connection.execute(f"DROP TABLE {table}")
            yield connection
    finally:
        await connection.close()
        await turn.close()


async def make_next(connection: Connection, partition: Partition) -> str:
    """An empty table that can take the partition's place. Its check spares the exchange a scan."""
    table = partition.next_table
    async with connection.transaction():
        await connection.execute(f"""CREATE TABLE {table} (LIKE facts INCLUDING ALL, UNIQUE (stream, version),
            CONSTRAINT in_place CHECK (position >= {partition.first} AND position <= {partition.last}))""")
        await connection.execute(f"""CREATE TRIGGER facts_all_stay BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""")
    return table


async def exchange(
    connection: Connection,
    partition: Partition,
    settle: Callable[[], Awaitable[Append]],
    prepare: Callable[[], Awaitable[None]],
) -> None:
    """Put the next table in the place of the partition, in one transaction with what `settle` does and gives to append.

    Appends stand still meanwhile, so `prepare` has done before what can be. Both are called again when the transaction
    was rolled back because others are at work on the table. Raises Busy, and what these raise."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SWAP_PATIENCE_S
    while True:
        await prepare()
        try:
            async with connection.transaction():
                await _exchange(connection, partition, settle)
            return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if loop.time() > deadline:
                raise Busy(f"{partition.table} is in use all the time: try again when less is read") from None
        await asyncio.sleep(random.uniform(*SWAP_PAUSE_S))


async def _exchange(connection: Connection, partition: Partition, settle: Callable[[], Awaitable[Append]]) -> None:
    table, next_table = partition.table, partition.next_table
    await connection.execute(f"SET LOCAL lock_timeout = {SWAP_LOCK_TIMEOUT_MS}")
    await connection.execute("SELECT FROM head FOR UPDATE")  # first, as appends do
    append = await settle()
    await connection.execute(f"ALTER TABLE facts DETACH PARTITION {table}")
    await connection.execute(f"DROP TABLE {table}")
    await connection.execute(f"ALTER TABLE {next_table} RENAME TO {table}")
    bounds = f"FOR VALUES FROM ({partition.first}) TO ({partition.last + 1})"
    await connection.execute(f"ALTER TABLE facts ATTACH PARTITION {table} {bounds}")
    await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT in_place")
    raw = encoded(append, FactTranscoder())
    stored = await connection.fetchrow(APPEND, uuid4(), 1, *arguments([raw]))
    assert stored is not None and stored["r_position"][0] >= 0, "an append at any version is never refused"
