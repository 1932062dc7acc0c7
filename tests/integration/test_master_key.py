"""A master key is replaced while people register and are read, and nobody notices."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from api.cli import call
from api.cli.outcome import ExitCode
from events.privacy import SubjectForgotten
from events.store import Append
from events.user import UserRegistered
from events.values import UserId
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.ids import new_id
from infrastructure.positions import Positions
from infrastructure.rewrapping import PAGE_PERSONS, rewrap
from infrastructure.vault import MasterKeys, NoMasterKey, Vault
from tests.tool import environment, said, tell

OLD, NEW = b"o" * 32, b"n" * 32


@asynccontextmanager
async def store(url: str, masters: MasterKeys) -> AsyncIterator[PostgresEventStore]:
    """Of a process that remembers few keys, so that it has to unwrap them again and again."""
    keys = Vault(masters, remembered=5)
    async with open_pool(url, 2) as pool, Committer(lambda: connect(url), vault=keys) as committer:
        yield PostgresEventStore(pool, committer, Positions(), keys)


async def registered(book: PostgresEventStore, people: int) -> list[UserId]:
    persons = [UserId(new_id("usr")) for _ in range(people)]
    for some in (persons[n : n + 5] for n in range(0, people, 5)):
        await asyncio.gather(*(book.append(Append([UserRegistered(each, f"{each}@example.org")])) for each in some))
    return persons


async def read(book: PostgresEventStore, persons: list[UserId]) -> None:
    for person in persons:
        [fact] = await book.read([f"user-{person}"])
        assert fact.event == UserRegistered(person, f"{person}@example.org")


async def test_it_is_replaced_under_load(own_database_url: str) -> None:
    url, stopping = own_database_url, asyncio.Event()
    async with (
        store(url, MasterKeys(OLD, [NEW])) as before,
        store(url, MasterKeys(NEW, [OLD])) as after,
        open_pool(url, 1) as pool,
    ):
        persons = await registered(before, 100)
        gone = persons.pop()
        await before.append(Append([SubjectForgotten(gone, "asked")]))

        async def shop(book: PostgresEventStore) -> None:
            while not stopping.is_set():
                persons.extend(await registered(book, 5))
                await read(book, persons[-20:] + persons[:20])

        shops = [asyncio.create_task(shop(book)) for book in (before, after)]
        await asyncio.sleep(0.3)
        masters = MasterKeys(NEW, [OLD])
        assert await rewrap(pool, masters) >= 99
        stopping.set()
        await asyncio.gather(*shops)
        await rewrap(pool, masters)  # what the process of before has made meanwhile
        assert await rewrap(pool, masters) == 0
        await Vault(MasterKeys(NEW)).check(pool)
        with pytest.raises(NoMasterKey):
            await Vault(MasterKeys(OLD)).check(pool)
        async with store(url, MasterKeys(NEW)) as alone:
            await read(alone, persons)
            [fact] = await alone.read([f"user-{gone}"])
            assert fact.event == UserRegistered(gone, "Forgotten", "Forgotten")


async def test_a_key_that_is_destroyed_meanwhile_does_not_come_back(own_database_url: str) -> None:
    async with store(own_database_url, MasterKeys(OLD)) as book, open_pool(own_database_url, 1) as pool:
        [person] = await registered(book, 1)

        class Late:
            async def fetch(self, query: str, *arguments: object) -> list[object]:
                rows = await pool.fetch(query, *arguments)
                if rows:
                    await book.append(Append([SubjectForgotten(person, "asked")]))
                return rows

            async def fetchval(self, query: str, *arguments: object) -> object:
                return await pool.fetchval(query, *arguments)

        assert await rewrap(Late(), MasterKeys(NEW, [OLD])) == 0
        assert await pool.fetchval("SELECT wrapped FROM person_keys") is None


async def test_pages_are_gone_through(own_database_url: str) -> None:
    async with store(own_database_url, MasterKeys(OLD)) as book, open_pool(own_database_url, 1) as pool:
        keys = Vault(MasterKeys(OLD))
        persons = [f"usr_{n:05}" for n in range(PAGE_PERSONS * 2 + 1)]
        await keys.provide(pool, persons)
        assert await rewrap(pool, MasterKeys(NEW, [OLD])) == len(persons)
        assert book is not None


def test_the_command_says_what_it_has_done(
    own_database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    async def prepared() -> None:
        async with store(own_database_url, MasterKeys(OLD)) as book:
            await registered(book, 3)

    asyncio.run(prepared())
    new = base64.b64encode(NEW).decode()
    tell(monkeypatch, environment(own_database_url, redis_url, tmp_path) | {"MASTER_KEY": new})
    assert call(["keys", "rotate-master"]) == ExitCode.REFUSED
    assert "which is not at hand" in capsys.readouterr().err
    monkeypatch.setenv("DAYBOOK_OTHER_MASTER_KEYS", base64.b64encode(OLD).decode())
    assert json.loads(said(capsys, "keys", "rotate-master", "--json"))["rewrapped"] == 3
    monkeypatch.delenv("DAYBOOK_OTHER_MASTER_KEYS")
    with contextlib.suppress(SystemExit):
        assert call(["keys", "rotate-master"]) == ExitCode.OK
    assert capsys.readouterr().out.startswith("0 keys")
