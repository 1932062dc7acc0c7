"""Connections cut, a server that restarts: readers notice nothing while it is back in time, and else are told when."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from pydantic import SecretStr

from infrastructure import database, migrations
from infrastructure.database import UNREACHABLE, connect, open_pool
from infrastructure.embedded import Servers, throwaway_servers
from infrastructure.settings import Settings
from tests.e2e.shop_client import ShopClient, open_client, settings_for
from tests.relay import Relay, relay, through
from tests.waiting import PATIENCE_S, eventually, takes_less_than

CUT_ALL = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
READERS = 8
RESTARTED_WITHIN_S = 20


@asynccontextmanager
async def readers(client: ShopClient) -> AsyncIterator[Counter[int]]:
    """Many who read all the time, and how often they were answered what."""
    product = await client.product()
    staff = await client.staff()
    paths = ["/v1/categories", "/v1/stock?limit=3", f"/v1/stock/{product.sku}", "/v1/reports/summary"]
    for path in paths:
        assert (await staff.get(path)).status_code == 200, path
    answers: Counter[int] = Counter()
    done = asyncio.Event()

    async def read(number: int) -> None:
        while not done.is_set():
            answers[(await staff.request("GET", paths[number % len(paths)])).status_code] += 1
            await asyncio.sleep(0)  # who is refused waits for nothing, and nobody else would have a turn

    tasks = [asyncio.create_task(read(number)) for number in range(READERS)]
    try:
        yield answers
    finally:
        done.set()
        await asyncio.gather(*tasks)


async def more(answers: Counter[int], number: int) -> None:
    """Wait until so many more have been answered."""
    goal = answers.total() + number
    async with asyncio.timeout(2 * RESTARTED_WITHIN_S):
        while answers.total() < goal:
            await asyncio.sleep(0.01)


async def test_readers_do_not_notice_that_every_connection_is_cut(shop_client: ShopClient, database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    async with readers(shop_client) as answers:
        for _ in range(10):
            await more(answers, 10)
            assert await admin.fetchval(CUT_ALL) > 1
        await more(answers, 10)
    await admin.close()
    assert set(answers) == {200}, answers


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    """Which may be stopped, since nobody else is on them."""
    with throwaway_servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def own_settings(own_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    asyncio.run(migrations.upgrade(own_servers.database_url))
    return settings_for(own_servers.database_url, own_servers.redis_url, "away:", tmp_path_factory.mktemp("data"))


async def test_readers_do_not_notice_that_the_server_restarts(own_settings: Settings) -> None:
    patient = own_settings.model_copy(update={"database_patience_seconds": RESTARTED_WITHIN_S})
    async with open_client(patient) as client, readers(client) as answers:
        for _ in range(3):
            await more(answers, 50)
            os.kill(
                await _postmaster(own_settings), signal.SIGQUIT
            )  # at once, as in a crash; its keeper starts it again
            await more(answers, 50)
    assert set(answers) == {200}, answers


async def _postmaster(settings: Settings) -> int:
    """The process that the server's others are children of."""
    assert settings.database_url is not None
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        return int(await connection.fetchval("SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)"))
    finally:
        await connection.close()


async def test_who_reads_while_it_is_away_for_long_is_told_to_come_back(settings: Settings, database_url: str) -> None:
    async with relay(database_url) as between:
        url = SecretStr(through(between, database_url))
        impatient = settings.model_copy(update={"database_patience_seconds": 0.3, "database_url": url})
        async with open_client(impatient) as client:
            assert (await client.guest().request("GET", "/v1/categories")).status_code == 200

            async def told() -> None:
                answer = await client.guest().request("GET", "/v1/categories")
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1"), answer.text
                assert answer.json()["code"] == "unavailable"

            between.refusing = True
            between.cut()
            began = time.monotonic()
            assert await takes_less_than(database.PATIENCE_S, told)  # what it would wait for by itself
            assert time.monotonic() - began > 0.1
            between.refusing = False
            assert (await client.guest().request("GET", "/v1/categories")).status_code == 200


@pytest.mark.parametrize(("patience_s", "errors"), [(0, 1), (PATIENCE_S, 0)])
async def test_a_pool_of_dead_connections_costs_one_error_at_most(
    database_url: str, patience_s: float, errors: int
) -> None:
    """After a failover nobody tells a client that the other end is gone: it finds out when it asks."""
    async with (
        relay(database_url) as between,
        open_pool(through(between, database_url), 5, patience_s=patience_s) as pool,
    ):
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.1)") for _ in range(5)))
        assert between.accepted == 5
        between.doom()
        failed = 0
        for _ in range(10):
            try:
                assert await pool.fetchval("SELECT 1") == 1
            except UNREACHABLE:
                failed += 1
    assert failed == errors


async def test_what_writes_is_never_repeated(own_database_url: str) -> None:
    """Its connection may have been lost after the commit."""
    async with relay(own_database_url) as between, open_pool(through(between, own_database_url), 1) as pool:
        await pool.execute("CREATE TABLE written (at timestamptz DEFAULT clock_timestamp())")
        for write in (pool.execute, pool.returning):
            assert await pool.fetchval("SELECT count(*) FROM written") == 0
            between.doom()
            with pytest.raises(UNREACHABLE):
                await write("INSERT INTO written DEFAULT VALUES RETURNING at")
        await pool.returning("INSERT INTO written DEFAULT VALUES RETURNING at")
        assert await pool.fetchval("SELECT count(*) FROM written") == 1


@pytest.mark.parametrize("wrong", ["SELECT 1/0", "SELECT nothing", "SELECT pg_cancel_backend(pg_backend_pid())"])
async def test_a_read_that_is_wrong_is_asked_once(database_url: str, wrong: str) -> None:
    async with open_pool(database_url, 1, patience_s=10 * PATIENCE_S) as pool, asyncio.timeout(PATIENCE_S):
        with pytest.raises(asyncpg.PostgresError):
            await pool.fetch(wrong)


async def test_whoever_stops_connecting_leaves_no_connection_behind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_IS_MINE", "SELECT pg_sleep(30)")
    async with relay(database_url) as between:
        connecting = asyncio.create_task(connect(through(between, database_url)))
        await eventually(lambda: _sleeps(database_url, 1))
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await eventually(lambda: _is_left(between))


async def _is_left(between: Relay) -> bool:
    return not between.open


async def _sleeps(url: str, number: int) -> bool:
    connection = await asyncpg.connect(url)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    try:
        return bool(await connection.fetchval(sleeping) == number)
    finally:
        await connection.close()
