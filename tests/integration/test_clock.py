"""A clock that jumps, as after a correction or on another machine: what is recorded later never says it was earlier."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest

from events.store import Append, IdempotencyKey
from infrastructure.database import connect
from infrastructure.event_store import PostgresEventStore
from tests.integration.book import flaws, open_store
from tests.store_contract import claim, name, stream

__all__ = ["name"]

# A session that looks here first has this clock instead of the system's.
_JUMPING_CLOCK = """
CREATE SCHEMA jumping;
CREATE TABLE jumping.by (seconds float NOT NULL);
INSERT INTO jumping.by VALUES (0);
CREATE FUNCTION jumping.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT pg_catalog.clock_timestamp() + make_interval(secs => seconds) FROM jumping.by $$;
"""
JUMPS_S = [0, 3_600, -3_600, 7_200, -86_400, 0, 0.001, -0.001, 10]


@contextlib.asynccontextmanager
async def jumping(url: str) -> AsyncIterator[tuple[PostgresEventStore, asyncpg.Connection]]:
    """A store that sees a clock which whoever has the connection may set."""
    admin = await connect(url)

    async def connected() -> asyncpg.Connection:
        connection = await connect(url)
        await connection.execute("SET search_path = jumping, pg_catalog, public")
        return connection

    try:
        await admin.execute(_JUMPING_CLOCK)
        # It looks names up in its own schema, whoever calls: here it is to find another clock.
        await admin.execute("ALTER FUNCTION append_facts RESET search_path")
        async with open_store(url, connected) as store:
            yield store, admin
    finally:
        await admin.close()


async def test_recorded_at_never_goes_back_along_positions_when_the_clock_does(
    own_database_url: str, name: str
) -> None:
    clock, recorded = [], []
    async with jumping(own_database_url) as (store, admin):
        for number, jump in enumerate(JUMPS_S):
            await admin.execute("UPDATE jumping.by SET seconds = $1", jump)
            for time in range(2):
                key = IdempotencyKey(f"{name} {number} {time}", b"hash")
                appended = await store.append(Append([claim(name)], key=key))
                clock.append(datetime.now(UTC) + timedelta(seconds=jump))
                recorded.append(appended.recorded_at)
        facts = await store.read([stream(name)])
        keys = await admin.fetch("SELECT recorded_at FROM idempotency_keys ORDER BY position")
    assert any(later < earlier for earlier, later in pairwise(clock)), "the clock did not jump"
    assert max(recorded) - datetime.now(UTC) > timedelta(hours=1), "the store did not look at this clock"
    assert all(earlier <= later for earlier, later in pairwise(recorded))
    assert [fact.recorded_at for fact in facts] == recorded == [row["recorded_at"] for row in keys]
    assert [fact.occurred_at for fact in facts] == recorded
    assert await flaws(own_database_url) == []


async def test_two_writers_whose_clocks_differ_record_in_one_order(own_database_url: str, name: str) -> None:
    async with jumping(own_database_url) as (ahead, admin), open_store(own_database_url) as right:
        await admin.execute("UPDATE jumping.by SET seconds = 600")
        await asyncio.gather(*[(ahead, right)[n % 2].append(Append([claim(f"{name}{n % 3}")])) for n in range(40)])
        facts = await right.read_all(0, limit=100)
    assert len(facts) == 40
    assert all(earlier.recorded_at <= later.recorded_at for earlier, later in pairwise(facts))
    assert await flaws(own_database_url) == []


async def test_a_book_from_the_future_goes_on_and_waits_for_nobody(own_database_url: str, name: str) -> None:
    """Restored, say, from a machine whose clock was wrong."""
    future = datetime.now(UTC).replace(microsecond=0) + timedelta(days=400)
    admin = await connect(own_database_url)
    try:
        await admin.execute("UPDATE head SET recorded_at = $1", future)
    finally:
        await admin.close()
    async with open_store(own_database_url) as store:
        first = await store.append(Append([claim(name)]))
        second = await store.append(Append([claim(name)]))
    assert (first.recorded_at, second.recorded_at) == (future, future)


async def test_without_its_guard_the_append_function_would_let_time_go_back(own_database_url: str, name: str) -> None:
    """So the tests above can fail."""
    async with jumping(own_database_url) as (store, admin):
        text: str = await admin.fetchval("SELECT pg_get_functiondef('append_facts'::regproc)")
        guard = "greatest(clock_timestamp(), h.recorded_at)"
        assert guard in text, "the function has changed: take its guard out another way"
        await admin.execute(text.replace(guard, "clock_timestamp()"))
        for jump in (3_600, -3_600):
            await admin.execute("UPDATE jumping.by SET seconds = $1", jump)
            await store.append(Append([claim(name)]))
    assert await flaws(own_database_url) == ["time goes back at position 2"]


@pytest.mark.parametrize("jump_days", [-400, 400])
async def test_what_occurred_is_not_touched_by_the_clock(own_database_url: str, name: str, jump_days: int) -> None:
    then = datetime(2017, 1, 2, tzinfo=UTC)
    async with jumping(own_database_url) as (store, admin):
        await admin.execute("UPDATE jumping.by SET seconds = $1", jump_days * 86_400)
        await store.append(Append([claim(name)], occurred_at=then))
        (fact,) = await store.read([stream(name)])
    assert fact.occurred_at == then
    assert abs(fact.recorded_at - datetime.now(UTC)) > timedelta(days=399)
