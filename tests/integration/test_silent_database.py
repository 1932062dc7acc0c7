"""A database that says nothing any more: those who ask it are told in time, and so are those who wait behind them."""

import asyncio
import socket
import sys
import time
from unittest.mock import Mock

import asyncpg
import pytest

from infrastructure import database, vanished
from infrastructure.database import GONE, STATEMENT_TIMEOUT_S, connect, open_pool
from infrastructure.stream_reader import MAX_UNDER_WAY, StreamReader
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
        async with asyncio.timeout(database.STATEMENT_TIMEOUT_S / 2):
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


async def test_who_waits_behind_unanswered_reads_of_streams_is_told_to_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relay(database_url) as between, open_pool(through(between, database_url), 10, patience_s=0) as pool:
        monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", ONE_FREE_WITHIN_S)
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.1)") for _ in range(MAX_UNDER_WAY)))
        reader = StreamReader(pool, "SELECT unnest($1::text[]) AS stream")
        between.delay_s = FOR_EVER_S
        unanswered = []
        for _ in range(MAX_UNDER_WAY):
            unanswered.append(asyncio.create_task(reader.rows(["a"])))
            await asyncio.sleep(0.01)
        async with asyncio.timeout(STATEMENT_TIMEOUT_S / 2):
            with pytest.raises(asyncpg.TooManyConnectionsError):
                await reader.rows(["b"])
        assert not any(task.done() for task in unanswered)
        between.cut()
        await asyncio.gather(*unanswered, return_exceptions=True)


async def test_who_gives_up_does_not_wait_for_the_connection_to_be_given_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relay(database_url) as between:
        async with open_pool(through(between, database_url), 1, patience_s=0) as pool:
            monkeypatch.setattr(database, "GIVE_BACK_TIMEOUT_S", give_back_s := 3.0)
            between.delay_s = FOR_EVER_S
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await pool.fetchval("SELECT 1")
            assert time.monotonic() - began < give_back_s / 2
            between.delay_s = 0
            assert await pool.fetchval("SELECT 1") == 1  # once it has been given back
            assert pool._taken == len(pool._giving_back) == 0
            between.delay_s = FOR_EVER_S
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), pool.acquire() as connection:
                    await connection.fetchval("SELECT 1")
            (giving_back,) = pool._giving_back
        assert giving_back.done()  # who closes the pool has waited for it


async def test_the_question_whether_there_is_a_session_is_part_of_connecting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked of a server that let us in and then says nothing."""
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", ONE_FREE_WITHIN_S)
    monkeypatch.setattr(database, "_IS_MINE", f"SELECT 1 FROM pg_sleep({STATEMENT_TIMEOUT_S / 2})")
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await connect(database_url, statement_timeout_s=STATEMENT_TIMEOUT_S)
    assert time.monotonic() - began < STATEMENT_TIMEOUT_S / 4


@pytest.mark.parametrize("error", [OSError(9, "Bad file descriptor"), ValueError("negative file descriptor")])
def test_a_connection_that_has_just_been_closed_is_left_alone(error: Exception) -> None:
    end = Mock(family=socket.AF_INET, **{"setsockopt.side_effect": error})
    vanished.notice_when_gone(Mock(**{"get_extra_info.return_value": end}))
    end.setsockopt.assert_called_once()


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
