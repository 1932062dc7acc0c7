"""The store on PostgreSQL keeps every promise of a store, and those that only several writers can break."""

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from events.store import Append, Appended, AppendRefused, Conflict, IdempotencyKey, StoreBusy
from infrastructure import batches
from infrastructure.codec import UnknownFact
from infrastructure.committer import Committer
from infrastructure.database import connect
from infrastructure.event_store import PostgresEventStore
from infrastructure.raw_append import RawAppend, RawFact
from tests.integration.book import flaws, open_store, tail
from tests.store_contract import EventStoreContract, claim, name, outcomes, stream
from tests.store_request_contract import RequestContract

__all__ = ["name"]


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresEventStore]:
    async with open_store(database_url) as store:
        yield store
    assert await flaws(database_url) == []


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that belongs to nobody of Daybook."""
    connection = await connect(database_url)
    yield connection
    await connection.close()


class TestPostgresEventStore(EventStoreContract, RequestContract):
    pass


async def test_readers_miss_nothing_that_several_writers_append(database_url: str, name: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as two, open_store(database_url) as reader:
        seen = list(await reader.read_all(0, limit=100_000))
        start, stop = len(seen), asyncio.Event()
        reading = asyncio.create_task(tail(reader, seen, stop))

        async def write(store: PostgresEventStore, writer: int) -> int:
            stored = 0
            for n in range(20):
                append = Append([claim(f"{name}{writer}")] * (n % 3 + 1), {stream(f"{name}{writer % 8}"): n // 2})
                try:
                    await store.append(append)
                    stored += len(append.events)
                except Conflict:
                    await asyncio.sleep(random.random() * 0.002)
            return stored

        stored = await asyncio.gather(*(write(store, n) for n in range(16) for store in (one, two)))
        stop.set()
        await asyncio.wait_for(reading, 60)
    assert [fact.position for fact in seen] == list(range(1, len(seen) + 1))
    assert len(seen) - start == sum(stored) > 0
    assert await flaws(database_url) == []


async def test_a_batch_that_commits_late_holds_the_later_positions_back(
    database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    """The trigger sleeps at the commit itself, when positions have long been given out."""
    await admin.execute(f"""
        CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON facts DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.stream = '{stream(name)}') EXECUTE FUNCTION dawdle()""")
    try:
        async with open_store(database_url) as slow, open_store(database_url) as fast:
            seen = list(await fast.read_all(0, limit=100_000))
            stop = asyncio.Event()
            reading = asyncio.create_task(tail(fast, seen, stop))
            late = [asyncio.ensure_future(slow.append(Append([claim(name)]))) for _ in range(3)]
            await asyncio.sleep(0.05)
            await fast.append(Append([claim(f"{name}alone")]))
            await asyncio.gather(*(fast.append(Append([claim(f"{name}{n}")])) for n in range(50)))
            await asyncio.gather(*late)
            stop.set()
            await asyncio.wait_for(reading, 60)
    finally:
        await admin.execute("DROP TRIGGER dawdle ON facts; DROP FUNCTION dawdle")
    assert [fact.position for fact in seen] == list(range(1, len(seen) + 1))
    assert sum(fact.stream == stream(name) for fact in seen) == 3
    assert await flaws(database_url) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE facts SET body = '{}'",
        "UPDATE facts SET recorded_at = now() WHERE position = 1",
        "DELETE FROM facts",
        "DELETE FROM facts WHERE position = 1",
        "TRUNCATE facts",
        "TRUNCATE facts CASCADE",
    ],
)
async def test_facts_are_never_changed_or_removed(
    store: PostgresEventStore, admin: asyncpg.Connection, name: str, statement: str
) -> None:
    await store.append(Append([claim(name)]))
    before = await admin.fetch("SELECT * FROM facts ORDER BY position")
    with pytest.raises(asyncpg.RestrictViolationError):
        await admin.execute(statement)
    assert await admin.fetch("SELECT * FROM facts ORDER BY position") == before


async def test_whoever_listens_hears_how_far_the_book_is(
    store: PostgresEventStore, admin: asyncpg.Connection, name: str
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await admin.add_listener("daybook", lambda *call: heard.put_nowait(str(call[-1])))
    appended = await store.append(Append([claim(name)]))
    assert await asyncio.wait_for(heard.get(), 60) == f"head {appended.position}"


async def test_this_process_is_told_without_listening(database_url: str, name: str) -> None:
    told: list[int] = []
    async with Committer(lambda: connect(database_url), told.append) as committer:
        appended = await committer.submit(raw(stream(name)))
    assert told == [appended.position]


async def test_a_cancelled_append_that_was_asked_is_stored_all_the_same(store: PostgresEventStore, name: str) -> None:
    asked = asyncio.ensure_future(store.append(Append([claim(name)], {stream(name): 0})))
    await asyncio.sleep(0)
    asked.cancel()
    await store.append(Append([claim(name)], {stream(name): 1}))
    assert asked.cancelled()
    assert await store.versions([stream(name)]) == {stream(name): 2}


async def test_an_append_larger_than_a_batch_is_stored_whole(store: PostgresEventStore, name: str) -> None:
    many = Append([claim(name)] * (batches.MAX_BATCH_FACTS + 500), {stream(name): 0})
    after = Append([claim(name)], {stream(name): len(many.events)})
    done = await outcomes(store, many, after)
    assert [type(each) for each in done] == [Appended, Appended]


async def test_more_appends_than_a_batch_holds_wait_their_turn(store: PostgresEventStore, name: str) -> None:
    appends = [Append([claim(name)], {stream(name): n}) for n in range(batches.MAX_BATCH_APPENDS * 2 + 1)]
    assert {type(each) for each in await outcomes(store, *appends)} == {Appended}


async def test_a_fact_of_an_unknown_type_can_be_looked_at_but_not_read(
    store: PostgresEventStore, database_url: str, name: str
) -> None:
    async with Committer(lambda: connect(database_url)) as committer:
        appended = await committer.submit(raw(stream(name), type_name="FromTheFuture"))
    with pytest.raises(UnknownFact):
        await store.read([stream(name)])
    (stored,) = await store.stored_all(appended.position - 1, limit=1)
    assert (stored.topic, stored.state, stored.originator_id) == ("FromTheFuture", b'{"a": 1}', stream(name))
    assert await store.stored_stream(stream(name)) == [stored]
    with pytest.raises(UnknownFact):
        store.decode(stored)


async def test_a_stream_is_looked_at_between_versions(store: PostgresEventStore, name: str) -> None:
    await store.append(Append([claim(name, str(n)) for n in range(1, 8)]))
    stored = await store.stored_stream(stream(name), after=2, until=6, limit=3)
    assert [store.decode(each).event for each in stored] == [claim(name, str(n)) for n in (3, 4, 5)]


async def test_the_first_append_of_a_book_is_known_to_be_stored(own_database_url: str, name: str) -> None:
    first = Append([claim(name)])
    async with open_store(own_database_url) as store:
        assert (await store.append(first)).position == 1
        assert first.ticket.stored


async def test_an_append_asked_after_the_end_is_refused(database_url: str, name: str) -> None:
    async with open_store(database_url) as store:
        pass
    with pytest.raises(StoreBusy):
        await store.append(Append([claim(name)]))


async def test_text_that_no_database_holds_fails_alone_at_the_door_of_the_database(
    database_url: str, name: str
) -> None:
    """Past the codec, that is: an id that is no UUID, a body that is no JSON, a version beyond its column."""
    async with Committer(lambda: connect(database_url)) as committer:
        bad = [
            raw(stream(name), fact_id="no uuid"),
            raw(stream(name), body="no json"),
            raw(stream(name), body='"\udc80"'),
            RawAppend((), {stream(name): 2**40}, "{}", None),
            raw(stream(name), key=IdempotencyKey("\0", b"")),
        ]
        asked = [committer.submit(each) for one in bad for each in (one, raw(stream(name)))]
        done = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in done] == [AppendRefused, Appended] * len(bad)


def raw(
    stream: str,
    *,
    type_name: str = "NameClaimed",
    fact_id: str = "",
    body: str = '{"a": 1}',
    key: IdempotencyKey | None = None,
) -> RawAppend:
    fact_id = fact_id or f"{random.getrandbits(128):032x}"
    return RawAppend([RawFact(stream, fact_id, type_name, 1, body, None)], {}, "{}", key)
