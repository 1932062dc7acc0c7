"""An append whose answer is lost is sent again, and stored once, whichever of the two arrives first."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from events.store import Append, Appended, Conflict, IdempotencyKey, StoreBusy, Unacknowledged
from infrastructure.append_call import APPEND, arguments
from infrastructure.codec import FactTranscoder
from infrastructure.database import connect
from infrastructure.raw_append import encoded
from tests.integration.book import flaws, open_store
from tests.integration.test_store_failures import held_up, waiting_backend
from tests.store_contract import claim, moving, name, outcomes, stream

__all__ = ["name"]


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(database_url)
    yield connection
    await connection.close()


class Lossy:
    """A connection of which each call named in `lost` is carried out, and its answer never arrives."""

    def __init__(self, url: str, lost: int, call: str = "fetchrow") -> None:
        self.url, self.lost, self.call, self.opened = url, lost, call, 0

    async def open(self) -> Any:
        self.opened += 1
        connection = await connect(self.url)
        answer = getattr(connection, self.call)

        async def lose(*call: Any, **options: Any) -> Any:
            row = await answer(*call, **options)
            if self.lost:
                self.lost -= 1
                raise ConnectionResetError("the network is gone")
            return row

        return _Pretending(connection, self.call, lose)


class _Pretending:
    def __init__(self, connection: asyncpg.Connection, call: str, instead: Any) -> None:
        self._connection = connection
        setattr(self, call, instead)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.mark.parametrize("lost", [1, 3])
async def test_what_was_stored_before_the_answer_was_lost_is_acknowledged_and_stored_once(
    database_url: str, name: str, lost: int
) -> None:
    network = Lossy(database_url, lost)
    async with open_store(database_url, network.open) as store:
        appended, both, late, guard = await outcomes(
            store,
            Append([claim(name, "first")], {stream(name): 0}),
            Append([claim(name, "second"), claim(name + "b")], {stream(name): 1}),
            Append([claim(name, "too late")], {stream(name): 0}),
            Append([], {stream(name): 2}),
        )
        facts = await store.read([stream(name)])
    assert isinstance(appended, Appended)
    assert isinstance(both, Appended)
    assert [fact.event for fact in facts] == [claim(name, "first"), claim(name, "second")]
    assert (appended.position, both.position) == (facts[0].position, facts[1].position + 1)
    assert appended.recorded_at == facts[0].recorded_at
    assert isinstance(late, Conflict)
    assert (late.expected, late.actual) == (0, 2)
    assert isinstance(guard, Appended)
    assert network.opened == lost + 1
    assert await flaws(database_url) == []


async def test_when_the_way_back_breaks_once_more_it_is_asked_once_more(database_url: str, name: str) -> None:
    """The second attempt finds the batch stored, and loses what it reads of it."""
    answers = Lossy(database_url, 1)
    reads = Lossy(database_url, 1, "fetch")
    connections = iter([answers.open, reads.open, reads.open])
    async with open_store(database_url, lambda: next(connections)()) as store:
        appended = await store.append(Append([claim(name)]))
        (fact,) = await store.read([stream(name)])
    assert appended == Appended(fact.position, fact.recorded_at)
    assert (answers.lost, reads.lost, reads.opened) == (0, 0, 2)


async def test_a_key_whose_answer_was_lost_is_used_and_not_replayed(database_url: str, name: str) -> None:
    network = Lossy(database_url, 1)
    append = Append([claim(name)], key=IdempotencyKey(name, b"hash", b"answer"))
    async with open_store(database_url, network.open) as store:
        first = await store.append(append)
        second = await store.append(append)
    assert (first.replayed, second.replayed) == (None, append.key)
    assert first.position == second.position


async def test_those_who_build_on_an_append_whose_answer_was_lost_are_not_refused(database_url: str, name: str) -> None:
    network = Lossy(database_url, 1)
    async with open_store(database_url, network.open) as store:
        first = Append([claim(name, "1")], {stream(name): 0})
        asked = [asyncio.ensure_future(store.append(first))]
        await asyncio.sleep(0)
        then = Append([claim(name, "2")], {stream(name): 1}, after={stream(name): first.ticket})
        asked.append(asyncio.ensure_future(store.append(then)))
        one, two = await asyncio.gather(*asked)
    assert (one.position + 1, network.lost) == (two.position, 0)


async def test_without_the_answer_nobody_knows_whether_others_came_in_between(database_url: str, name: str) -> None:
    network = Lossy(database_url, 0)
    async with open_store(database_url, network.open) as store:
        await store.append(moving(name, 0, 0, 5, None))
        network.lost = 1
        appended = await store.append(moving(name, 1, 5, -1))
    assert (network.lost, appended.passed) == (0, {stream(name): 1})


async def test_an_append_whose_backend_is_killed_while_it_waits_is_sent_again(
    database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    async with open_store(database_url) as store:
        async with held_up(admin):
            asked = asyncio.create_task(outcomes(store, *[Append([claim(name, str(n))]) for n in range(3)]))
            pid = await waiting_backend(database_url)
            await admin.execute("SELECT pg_terminate_backend($1)", pid)
            while await waiting_backend(database_url) == pid:
                await asyncio.sleep(0.01)
        assert [type(each) for each in await asked] == [Appended] * 3
        assert await store.versions([stream(name)]) == {stream(name): 3}
    assert await flaws(database_url) == []


async def test_a_batch_that_arrives_after_its_repetition_does_nothing(
    database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    """The server may find the first attempt in a socket long after we have given it up."""
    writer, transcoder = uuid4(), FactTranscoder()
    batches = {number: arguments([encoded(Append([claim(name, str(number))]), transcoder)]) for number in (1, 2, 3)}
    stored = [await admin.fetchrow(APPEND, writer, number, *batches[number]) for number in (2, 2, 1, 3)]
    assert all(stored)
    assert [row["again_after"] is not None for row in stored if row] == [False, True, True, False]
    assert stored[1] and stored[0]
    assert (stored[1]["again_until"], stored[1]["at"]) == (stored[0]["head_after"], stored[0]["at"])
    bodies = await admin.fetch("SELECT body::json ->> 'owner' FROM facts WHERE stream = $1", stream(name))
    assert [row[0] for row in bodies] == ["2", "3"]
    assert await flaws(database_url) == []


async def test_after_the_patience_the_caller_hears_whether_it_may_have_been_stored(
    database_url: str, name: str
) -> None:
    network = Lossy(database_url, 10**6)
    async with open_store(database_url, network.open, patience_s=0.3) as store:
        with pytest.raises(Unacknowledged, match=r"^the connection to the database broke before it answered$"):
            await store.append(Append([claim(name)]))
        network.lost = 0
        assert await store.versions([stream(name)]) == {stream(name): 1}
        await store.append(Append([claim(name)], {stream(name): 1}))


async def test_a_database_that_comes_back_in_time_was_never_away(database_url: str, name: str) -> None:
    attempts = 0

    async def at_last() -> asyncpg.Connection:
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            raise (ConnectionRefusedError(), asyncpg.CannotConnectNowError("starting up"), TimeoutError())[attempts - 1]
        return await connect(database_url)

    async with open_store(database_url, at_last) as store:
        assert [type(each) for each in await outcomes(store, *[Append([claim(name)])] * 3)] == [Appended] * 3


async def test_a_server_that_is_no_primary_any_more_is_left(
    database_url: str, admin: asyncpg.Connection, name: str
) -> None:
    """After a failover the old connection may lead to what is a standby now."""
    opened: list[asyncpg.Connection] = []

    async def open_next() -> asyncpg.Connection:
        connection = await connect(database_url)
        if not opened:
            await connection.execute("SET default_transaction_read_only = on")
        opened.append(connection)
        return connection

    async with open_store(database_url, open_next) as store:
        await store.append(Append([claim(name)], {stream(name): 0}))
    assert len(opened) == 2
    async with open_store(database_url, lambda: standby(database_url), patience_s=0.1) as store:
        with pytest.raises(StoreBusy, match=r"^the database cannot be reached$"):
            await store.append(Append([claim(name)], {stream(name): 1}))


async def standby(url: str) -> asyncpg.Connection:
    connection = await connect(url)
    await connection.execute("SET default_transaction_read_only = on")
    return connection
