"""kill -9 again and again under load: the service, a backend of PostgreSQL, all of PostgreSQL. ROUNDS says how often.

After every round all that was acknowledged is there once, and every read table is what other hands fold from the facts.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from infrastructure.embedded import servers_in
from tests.e2e import folded
from tests.e2e.buyers import Buyer, placed_by, plenty
from tests.e2e.service import Service, own_data_dir, serving
from tests.integration.book import flaws
from tests.waiting import PATIENCE_S, eventually

ROUNDS = int(os.environ.get("ROUNDS", "4"))
BUYERS = 10
LOOKS = 1_000
_APPENDING = """SELECT pid, state = 'active' AS is_appending FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND query LIKE '%append_facts(%' ORDER BY state = 'active' DESC LIMIT 1"""


class Shop:
    """A service on servers of its own, buyers that keep it busy, and someone with a hammer."""

    def __init__(self, data_dir: Path, database_url: str, logs: Path, chance: random.Random) -> None:
        self._data_dir, self._database_url, self._logs, self._chance = data_dir, database_url, logs, chance
        self._stack = contextlib.ExitStack()
        self.buyers: list[Buyer] = []
        self._service: Service
        self.http: httpx.AsyncClient

    async def __aenter__(self) -> "Shop":
        await self._open()
        self.buyers = [Buyer(await plenty(self.http)) for _ in range(BUYERS)]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.http.aclose()
        self._stack.close()

    async def _open(self) -> None:
        self._service = self._stack.enter_context(
            serving("--dev", logs=self._logs, DAYBOOK_DATA_DIR=str(self._data_dir))
        )
        self.http = httpx.AsyncClient(base_url=self._service.url, timeout=60)

    @property
    def acknowledged(self) -> int:
        return sum(len(buyer.acknowledged) for buyer in self.buyers)

    @contextlib.asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Entered in the middle of the shop's business; left when all buyers have noticed that something is wrong."""
        before, enough = self.acknowledged, self._chance.randint(BUYERS, 8 * BUYERS)
        for buyer in self.buyers:
            buyer.stopping = False
        load = [asyncio.create_task(buyer.shop(self.http)) for buyer in self.buyers]
        async with asyncio.timeout(PATIENCE_S):
            while self.acknowledged < before + enough:
                assert not any(task.done() for task in load), [task for task in load if task.done()]
                await asyncio.sleep(0.005)
        await asyncio.sleep(self._chance.random() * 0.05)
        yield
        await asyncio.wait(load, timeout=self._chance.random())
        for buyer in self.buyers:
            buyer.stopping = True
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*load)

    async def kill_service(self) -> None:
        async with self.load():
            self._service.kill()
        await self.http.aclose()
        await self._open()

    async def kill_backend(self) -> None:
        """PostgreSQL ends all its sessions and recovers when one of its processes has died like this. The one that
        appends, in the middle of an append if it can be caught there."""
        async with self.load(), self._administrator() as admin:
            for _ in range(LOOKS):
                found = await admin.fetchrow(_APPENDING)
                if found is not None and found["is_appending"]:
                    break
            assert found is not None
            os.kill(found["pid"], signal.SIGKILL)

    async def kill_server(self) -> None:
        async with self.load():
            pid_file = self._data_dir / "postgres" / "data" / "postmaster.pid"
            os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)

    async def cut_connections(self) -> None:
        async with self.load(), self._administrator() as admin:
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    async def is_sound(self) -> None:
        for buyer in self.buyers:
            await buyer.ask_again(self.http)
        await eventually(self._is_done)
        async with self._administrator() as admin:
            facts, tables = await folded.facts_in(admin), await folded.tables_in(admin)
        assert await flaws(self._database_url) == []
        acknowledged = Counter(order for buyer in self.buyers for order in buyer.acknowledged)
        assert max(acknowledged.values()) == 1
        assert placed_by(facts, self.buyers) == acknowledged
        expected = folded.folded(facts)
        for table in expected:
            assert tables[table] == expected[table], table

    async def _is_done(self) -> bool:
        """Nothing is left to project or to react to. (Seals come when there is enough to seal.)"""
        try:
            answer = await self.http.get("/health/ready")
        except httpx.TransportError:
            return False
        return answer.is_success and not any(
            state["lag"] for state in answer.json()["projections"] if state["name"] != "seal"
        )

    @contextlib.asynccontextmanager
    async def _administrator(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._database_url)
        try:
            yield connection
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)


@pytest.mark.timeout(60 * ROUNDS + 600)
async def test_whatever_is_killed_nothing_acknowledged_is_lost_and_nothing_is_doubled(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    chance, done = random.Random(seed), Counter[str]()
    print(f"seed {seed}")  # noqa: T201
    with own_data_dir() as data_dir, servers_in(data_dir) as servers:
        async with Shop(data_dir, servers.database_url, tmp_path, chance) as shop:
            kills = [shop.kill_service, shop.kill_backend, shop.kill_server, shop.cut_connections]
            for number in range(ROUNDS):
                if number % len(kills) == 0:
                    chance.shuffle(kills)
                kill, began = kills[number % len(kills)], time.monotonic()
                await kill()
                recovered = time.monotonic()
                await shop.is_sound()
                done[kill.__name__] += 1
                print(  # noqa: T201
                    f"round {number + 1}: {kill.__name__} in {recovered - began:.1f} s, sound after "
                    f"{time.monotonic() - recovered:.1f} s, {shop.acknowledged} orders"
                )
    assert sum(done.values()) == ROUNDS
