"""The store when things break: connections killed in mid-batch, a database that is slow, full or away."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from events.store import Append, Appended, AppendRefused, IdempotencyKey, StoreBusy, Unacknowledged
from infrastructure import committer as committing
from infrastructure.database import connect
from tests.integration.book import flaws, open_store
from tests.store_contract import claim, name, outcomes, stream

__all__ = ["name"]

APPENDING = """SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%append_facts(%'"""


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(database_url)
    yield connection
    await connection.close()


@contextlib.asynccontextmanager
async def held_up(admin: asyncpg.Connection) -> AsyncIterator[None]:
    """Nobody can append meanwhile: the head of the book is locked."""
    async with admin.transaction():
        await admin.execute("SELECT FROM head FOR UPDATE")
        yield


async def waiting_backend(url: str) -> int:
    """The backend that is about to append, once there is one."""
    connection = await connect(url)
    try:
        async with asyncio.timeout(60):
            while True:
                pids = await connection.fetch(f"{APPENDING} AND state = 'active' AND wait_event_type = 'Lock'")
                if pids:
                    pid: int = pids[0]["pid"]
                    return pid
                await asyncio.sleep(0.005)
    finally:
        await connection.close()


async def test_under_fire_nothing_acknowledged_is_lost_and_nothing_happens_twice(
    database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    """Backends are killed at any moment; whoever got no answer asks again with the same key."""
    killed = 0
    one_store, other_store = (open_store(database_url, patience_s=0) for _ in range(2))
    async with one_store as one, other_store as two:

        async def buy(n: int) -> tuple[str, int]:
            append = Append([claim(f"{name}{n}"), claim(name, str(n))], key=IdempotencyKey(f"{name}{n}", b"hash"))
            store = (one, two)[n % 2]
            await asyncio.sleep(random.random())
            while True:
                try:
                    return stream(f"{name}{n}"), (await store.append(append)).position
                except (Unacknowledged, StoreBusy):
                    await asyncio.sleep(0.01)

        buying = asyncio.gather(*(buy(n) for n in range(300)))
        while not buying.done():
            killed += len(await admin.fetch(f"SELECT pg_terminate_backend(pid) FROM ({APPENDING}) AS found"))
            await asyncio.sleep(random.random() * 0.05)
        positions = dict(await buying)
        stored = await one.read_all(0, limit=100_000)
    assert killed > 3
    assert {fact.stream: fact.position + 1 for fact in stored if fact.stream in positions} == positions
    assert {fact.event for fact in stored if fact.stream == stream(name)} == {claim(name, str(n)) for n in range(300)}
    assert sum(fact.stream == stream(name) for fact in stored) == 300
    assert await flaws(database_url) == []


async def test_when_too_many_wait_the_next_is_turned_away(
    database_url: str, admin: asyncpg.Connection, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "MAX_WAITING_APPENDS", 5)
    async with open_store(database_url) as store:
        async with held_up(admin):
            first = asyncio.ensure_future(store.append(Append([claim(name)])))
            await waiting_backend(database_url)
            rest = asyncio.gather(*[store.append(Append([claim(name)])) for _ in range(8)], return_exceptions=True)
            for _ in range(5):
                await asyncio.sleep(0)
            with pytest.raises(StoreBusy):
                await store.append(Append([claim(name)]))
        assert isinstance(await first, Appended)
        assert [type(each) for each in await rest] == [Appended] * 5 + [StoreBusy] * 3
        assert await store.versions([stream(name)]) == {stream(name): 6}
    assert await flaws(database_url) == []


async def test_closing_answers_everyone_who_waits(database_url: str, admin: asyncpg.Connection, name: str) -> None:
    async with open_store(database_url) as store, held_up(admin):
        asked = asyncio.gather(*[store.append(Append([claim(name)])) for _ in range(1_000)])
        await waiting_backend(database_url)
    assert len(await asked) == 1_000
    assert await flaws(database_url) == []


async def test_a_book_that_is_locked_too_long_makes_the_store_busy(
    database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    async def impatient() -> asyncpg.Connection:
        connection = await connect(database_url)
        await connection.execute("SET lock_timeout = '50ms'")
        return connection

    async with open_store(database_url, impatient) as store:
        async with held_up(admin):
            with pytest.raises(StoreBusy, match=r"^the database took too long$"):
                await store.append(Append([claim(name)]))
        assert await store.versions([stream(name)]) == {stream(name): 0}
        await store.append(Append([claim(name)], {stream(name): 0}))


async def test_a_database_that_is_away_makes_the_store_busy_until_it_is_back(database_url: str, name: str) -> None:
    away = True

    async def sometimes() -> asyncpg.Connection:
        if away:
            raise ConnectionRefusedError
        return await connect(database_url)

    async with open_store(database_url, sometimes, patience_s=0) as store:
        assert [type(each) for each in await outcomes(store, *[Append([claim(name)])] * 3)] == [StoreBusy] * 3
        away = False
        await store.append(Append([claim(name)], {stream(name): 0}))


@pytest.mark.parametrize("code", ["53100", "53200", "40001", "40P01", "58030", "XX000"])
async def test_a_database_in_trouble_does_not_blame_the_append(
    database_url: str, admin: asyncpg.Connection, name: str, code: str
) -> None:
    """A full disk, no memory, a deadlock: nothing is wrong with what was asked."""
    await admin.execute(f"""
        CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{code}'; END $$;
        CREATE TRIGGER trouble BEFORE INSERT ON facts FOR EACH STATEMENT EXECUTE FUNCTION trouble()""")
    try:
        async with open_store(database_url) as store:
            done = await outcomes(store, *[Append([claim(name)])] * 3)
    finally:
        await admin.execute("DROP TRIGGER trouble ON facts; DROP FUNCTION trouble")
    assert [type(each) for each in done] == [StoreBusy] * 3
    assert await flaws(database_url) == []


async def test_a_rule_of_the_database_that_is_broken_is_told_to_the_one_who_broke_it(
    database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    await admin.execute(f"ALTER TABLE facts ADD CONSTRAINT fussy CHECK (stream <> '{stream(name)}')")
    try:
        async with open_store(database_url) as store:
            done = await outcomes(
                store, Append([claim(name + "a")]), Append([claim(name)]), Append([claim(name + "b")])
            )
    finally:
        await admin.execute("ALTER TABLE facts DROP CONSTRAINT fussy")
    assert [type(each) for each in done] == [Appended, AppendRefused, Appended]
