"""The table of facts grows by partitions that appends make ahead, and nobody notices."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from events.store import Append, Conflict
from infrastructure.database import connect
from infrastructure.event_store import READ_ALL, READ_STREAMS
from tests.integration.book import flaws, open_store, tail
from tests.store_contract import claim, name, outcomes, stream

__all__ = ["name"]

PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'facts'::regclass ORDER BY inhrelid"


@pytest.fixture
async def admin(own_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Of a book whose partitions are small from the second on."""
    connection = await connect(own_database_url)
    await connection.execute("UPDATE head SET room_per_table = 10, position = 9999994")
    yield connection
    await connection.close()


async def partitions(admin: asyncpg.Connection) -> list[str]:
    return [row[0] for row in await admin.fetch(PARTITIONS)]


async def test_partitions_are_there_before_they_are_needed(
    own_database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    async with open_store(own_database_url) as store:
        await store.append(Append([claim(name)]))
        assert await partitions(admin) == ["facts_from_1"]
        await store.append(Append([claim(name)]))
        assert await partitions(admin) == ["facts_from_1", "facts_from_10000001"]
        await outcomes(store, *[Append([claim(name)])] * 4)
        assert await admin.fetchval("SELECT count(*) FROM facts_from_1") == 6
        assert await admin.fetchval("SELECT count(*) FROM facts_from_10000001") == 0
        await store.append(Append([claim(name, "next")], {stream(name): 6}))
        assert await admin.fetchval("SELECT count(*) FROM facts_from_10000001") == 1
        assert [fact.version for fact in await store.read([stream(name)])] == list(range(1, 8))
        with pytest.raises(Conflict):
            await store.append(Append([claim(name)], {stream(name): 1}))


async def test_an_append_may_be_larger_than_partitions(
    own_database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    async with open_store(own_database_url) as store:
        await store.append(Append([claim(name, str(n)) for n in range(45)]))
        facts = await store.read_all(9999994, limit=100)
    assert [fact.position for fact in facts] == list(range(9999995, 10000040))
    assert len(await partitions(admin)) == 6


async def test_readers_follow_writers_from_one_partition_to_the_next(
    own_database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    await admin.execute("UPDATE head SET position = 0; ALTER TABLE facts DETACH PARTITION facts_from_1")
    await admin.execute("UPDATE head SET room_to = 0")
    await admin.execute("DROP TABLE facts_from_1")
    async with open_store(own_database_url) as one, open_store(own_database_url) as two:
        seen: list[object] = []
        stop = asyncio.Event()
        reading = asyncio.create_task(tail(one, seen, stop))  # type: ignore[arg-type]
        await asyncio.gather(
            *(store.append(Append([claim(f"{name}{n % 7}")] * 3)) for n in range(100) for store in (one, two))
        )
        stop.set()
        await asyncio.wait_for(reading, 60)
    assert [fact.position for fact in seen] == list(range(1, 601))  # type: ignore[attr-defined]
    assert await flaws(own_database_url) == []


async def test_work_on_the_table_does_not_hold_up_appends_while_there_is_room(
    own_database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    """ANALYZE and VACUUM of the whole table take a lock that a new partition has to wait for."""
    async with open_store(own_database_url) as store:
        async with admin.transaction():
            await admin.execute("LOCK TABLE facts IN SHARE UPDATE EXCLUSIVE MODE")
            for _ in range(6):
                await store.append(Append([claim(name)]))
            assert await partitions(admin) == ["facts_from_1"]
        await store.append(Append([claim(name)]))
        assert await partitions(admin) == ["facts_from_1", "facts_from_10000001"]
        assert await store.versions([stream(name)]) == {stream(name): 7}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET body = '{{}}'", "DELETE FROM {}", "TRUNCATE {}", "TRUNCATE facts"],
)
async def test_facts_stay_in_every_partition(
    own_database_url: str, admin: asyncpg.Connection, name: str, statement: str
) -> None:
    async with open_store(own_database_url) as store:
        await store.append(Append([claim(name)] * 9))
    for table in await partitions(admin):
        with pytest.raises(asyncpg.RestrictViolationError):
            await admin.execute(statement.format(table))
    assert await admin.fetchval("SELECT count(*) FROM facts") == 9


async def test_reading_goes_by_the_indexes_of_the_partitions_that_matter(
    own_database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    """Also in a database that was never analyzed, with a plan that is made once for all values."""
    async with open_store(own_database_url) as store:
        await store.append(Append([claim(name)] * 30))
    await admin.execute("SET plan_cache_mode = force_generic_plan")
    await admin.execute(f"PREPARE tail (bigint, bigint) AS {READ_ALL}; PREPARE streams (text[]) AS {READ_STREAMS}")
    plan = "\n".join(row[0] for row in await admin.fetch("EXPLAIN (ANALYZE) EXECUTE tail (10000005, 10)"))
    assert "Subplans Removed: 1" in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan
    plan = "\n".join(row[0] for row in await admin.fetch(f"EXPLAIN (ANALYZE) EXECUTE streams ('{{claim-{name}}}')"))
    assert "Seq Scan" not in plan
    assert plan.count("_stream_version_key") == len(await partitions(admin))
