"""A service that is started before its database waits for it, and not for ever."""

import asyncio

import pytest
from structlog.testing import capture_logs

from infrastructure.database import UNREACHABLE, NoSession
from infrastructure.waiting import await_database
from tests.relay import relay, through

LONG_S = 60


async def test_a_database_that_comes_up_later_is_waited_for(database_url: str) -> None:
    async with relay(database_url) as between:
        between.refusing = True
        with capture_logs() as lines:
            waiting = asyncio.create_task(await_database(through(between, database_url), LONG_S))
            async with asyncio.timeout(LONG_S):
                while between.accepted < 2:
                    await asyncio.sleep(0.01)
            between.refusing = False
            await waiting
        assert [line["event"] for line in lines] == ["waiting_for_database", "database_reached"]


async def test_one_that_is_up_is_not_talked_about(database_url: str) -> None:
    with capture_logs() as lines:
        await await_database(database_url, LONG_S)
    assert lines == []


@pytest.mark.parametrize(("patience_s", "attempts"), [(0, 1), (0.1, 1), (0.6, 2)])
async def test_patience_ends(database_url: str, patience_s: float, attempts: int) -> None:
    async with relay(database_url) as between:
        between.refusing = True
        with pytest.raises(UNREACHABLE):
            await await_database(through(between, database_url), patience_s)
        assert 1 <= between.accepted <= attempts


@pytest.mark.parametrize("error", [NoSession("a pooler"), FileNotFoundError(2, "no such file", "/nowhere.crt")])
async def test_what_waiting_does_not_mend_is_said_at_once(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    attempts = 0

    async def connect(url: str) -> None:
        nonlocal attempts
        attempts += 1
        raise error

    monkeypatch.setattr("infrastructure.waiting.connect", connect)
    with pytest.raises(type(error)):
        await await_database("postgresql://db/daybook", LONG_S)
    assert attempts == 1
