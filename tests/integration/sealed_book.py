"""A book of a hundred facts in ten streams, six seals over the first 96 of them, and someone who can change it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from events.store import Append
from infrastructure.database import Pool, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.keyring import Keyring
from infrastructure.positions import Positions
from infrastructure.sealer import Sealer
from infrastructure.verification import Report, verify
from tests.integration.book import open_store
from tests.store_contract import claim

FACTS, SEALED, SEAL_FACTS, STREAMS = 100, 96, 16, 10
KEYRING = Keyring(b"k" * 32)
STRANGER = Keyring(b"s" * 32)

_EMPTIED = """DELETE FROM facts; DELETE FROM streams; DELETE FROM seals; DELETE FROM projections;
    UPDATE head SET position = 0, recorded_at = '-infinity'"""


class SealedBook:
    """`admin` is the database's superuser, with the triggers off."""

    def __init__(self, url: str, pool: Pool, store: PostgresEventStore, admin: asyncpg.Connection) -> None:
        self.url, self.pool, self.store, self.admin = url, pool, store, admin

    async def found(self, **options: Any) -> list[tuple[Any, ...]]:
        """The findings without their words: kind, first and last position, seal, stream, as far as they have them."""
        findings = (await self.report(**options)).findings
        return [
            (each.kind.value, *(part for part in (each.first, each.last, each.seal, each.stream) if part is not None))
            for each in findings
        ]

    async def report(self, keyring: Keyring = KEYRING, **options: Any) -> Report:
        return await verify(self.pool, keyring, **options)

    async def change(self, *statements: str) -> None:
        """As someone who may do everything, also put facts where there is no room for any."""
        await self.admin.execute(_ROOM_ELSEWHERE)
        async with self.admin.transaction():
            for statement in statements:
                await self.admin.execute(statement)

    async def append(self, facts: int) -> None:
        """The streams take turns."""
        head = await self.store.head()
        await self.store.append(Append([claim(f"n{n % STREAMS}", f"owner {n}") for n in range(head, head + facts)]))

    def sealer(self, keyring: Keyring = KEYRING, *, owner: str = "test", **options: Any) -> Sealer:
        options = {"seal_facts": SEAL_FACTS, **options}
        return Sealer(self.pool, self.store, Positions(), keyring, owner=owner, **options)

    async def seals(self) -> Sequence[tuple[int, int, int]]:
        """Number, first and last position of each."""
        rows = await self.pool.fetch("SELECT number, first_position, last_position FROM seals ORDER BY number")
        return [tuple(row) for row in rows]


@asynccontextmanager
async def open_book(url: str, *, facts: int = FACTS, sealed: int = SEALED) -> AsyncIterator[SealedBook]:
    """Empties the database before; leaves the triggers on."""
    async with open_store(url) as store, open_pool(url, 4) as pool:
        admin = await asyncpg.connect(url)
        try:
            await _trigger(admin, "DISABLE")
            await admin.execute(_EMPTIED)
            book = SealedBook(url, pool, store, admin)
            await book.append(sealed)
            await book.sealer().catch_up()
            await book.append(facts - sealed)
            yield book
        finally:
            await _trigger(admin, "ENABLE")
            await admin.close()


_ROOM_ELSEWHERE = "CREATE TABLE IF NOT EXISTS facts_elsewhere PARTITION OF facts DEFAULT"


async def _trigger(admin: asyncpg.Connection, what: str) -> None:
    await admin.execute(f"ALTER TABLE facts {what} TRIGGER USER; ALTER TABLE seals {what} TRIGGER USER")


def swapped(table: str, column: str, one: int, other: int) -> str:
    """Without meeting on the way, since both are unique."""
    return f"""UPDATE {table} SET {column} = {column} + 1000 WHERE {column} IN ({one}, {other});
        UPDATE {table} SET {column} = {one + other} - ({column} - 1000) WHERE {column} > 1000"""
