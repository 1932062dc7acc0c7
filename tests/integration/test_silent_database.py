"""A database that says nothing any more: those who ask it are told in time, and so are those who wait behind them."""

import asyncio
import socket
import sys
import time

import asyncpg
import pytest

from infrastructure import database, vanished
from infrastructure.database import GONE, STATEMENT_TIMEOUT_S, connect, open_pool
from tests.relay import relay, through

FOR_EVER_S = 1e6
ONE_FREE_WITHIN_S = 0.5


async def test_who_waits_behind_the_unanswered_is_told_to_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relay(database_url) as between, open_pool(through(between, database_url), 2, patience_s=0) as pool:
        monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", ONE_FREE_WITHIN_S)
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.1)") for _ in range(2)))
        between.delay_s = FOR_EVER_S
        unanswered = [asyncio.create_task(pool.fetchval("SELECT 1")) for _ in range(2)]
        await asyncio.sleep(0)
        async with asyncio.timeout(STATEMENT_TIMEOUT_S / 2):
            with pytest.raises(asyncpg.TooManyConnectionsError):
                await pool.fetchval("SELECT 1")
            with pytest.raises(asyncpg.TooManyConnectionsError):
                await pool.execute("SELECT 1")
        assert not any(task.done() for task in unanswered)
        between.cut()
        await asyncio.gather(*unanswered, return_exceptions=True)


async def test_a_pool_that_is_only_busy_loses_no_connection(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with relay(database_url) as between, open_pool(through(between, database_url), 1, patience_s=0) as pool:
        monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", ONE_FREE_WITHIN_S)
        busy = asyncio.create_task(pool.fetchval("SELECT 'done' FROM pg_sleep(2)"))
        await asyncio.sleep(0)
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await pool.fetchval("SELECT 1")
        assert await busy == "done"
        assert await pool.fetchval("SELECT 1") == 1
    assert between.accepted == 1


async def test_who_cannot_connect_in_time_is_told_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with relay(database_url) as between, open_pool(through(between, database_url), 1, patience_s=0) as pool:
        monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", ONE_FREE_WITHIN_S)
        between.cut()
        between.delay_s = FOR_EVER_S
        with pytest.raises((ConnectionError, asyncpg.ConnectionDoesNotExistError, TimeoutError)):
            await pool.fetchval("SELECT 1")
        with pytest.raises(TimeoutError):
            await pool.fetchval("SELECT 1")


async def test_a_statement_that_was_given_up_is_not_waited_for_twice(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_S", patience_s := 5.0)
    monkeypatch.setattr(database, "GIVE_BACK_TIMEOUT_S", 0.1)
    async with relay(database_url) as between, open_pool(through(between, database_url), 1, patience_s=0) as pool:
        between.delay_s = FOR_EVER_S
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await pool.fetchval("SELECT 1")
        assert patience_s <= time.monotonic() - began < 2 * patience_s
        between.delay_s = 0
        assert await pool.fetchval("SELECT 1") == 1  # on a connection of its own


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other words for it")
async def test_a_server_that_takes_nothing_any_more_is_noticed_by_the_kernel(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that has vanished, but for the acknowledgements of what was in its buffers."""
    monkeypatch.setitem(vanished._OPTIONS, "TCP_USER_TIMEOUT", 500)
    async with relay(database_url) as between:
        connection = await connect(through(between, database_url))
        end = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == vanished.ASK_AFTER_S
        between.deaf = True
        async with asyncio.timeout(STATEMENT_TIMEOUT_S):
            with pytest.raises(GONE):
                await connection.fetchval("SELECT length($1)", "x" * 50_000_000)
        between.deaf = False
        connection.terminate()
