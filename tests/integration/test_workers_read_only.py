"""A database that takes no writes for a while, as after a failover or on a full disk: workers go on when it does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from commands import Command
from commands.handler import Handler
from commands.policy import Policy
from events.stock import StockReceived
from events.store import Append, Recorded
from events.values import Sku
from infrastructure.database import connect, open_pool
from infrastructure.positions import Positions
from infrastructure.reactor import Reactor
from infrastructure.sealer import Sealer
from tests.integration.book import open_store
from tests.integration.sealed_book import KEYRING
from tests.waiting import eventually

_CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@asynccontextmanager
async def read_only(url: str) -> AsyncIterator[None]:
    admin = await connect(url)
    name = await admin.fetchval("SELECT current_database()")
    try:
        await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await admin.execute(_CUT)
        yield
    finally:
        await admin.execute("SET default_transaction_read_only = off")
        await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await admin.execute(_CUT)
        await admin.close()


async def write(url: str) -> None:
    """By another process, which does not remember what was."""
    async with open_store(url) as store:
        await store.append(Append([StockReceived(Sku("A"), 1)]))


async def endured(url: str, event: str) -> None:
    """Until it was refused twice, so also when it tried again."""
    with capture_logs() as logs:

        async def refused() -> bool:
            return [entry["event"] for entry in logs].count(event) > 3

        async with read_only(url):
            await eventually(refused)


async def test_a_policy_outlives_a_database_that_was_read_only(own_database_url: str) -> None:
    reacted: set[int] = set()

    async def react(fact: Recorded, _: Handler) -> Sequence[Command]:
        reacted.add(fact.position)
        return ()

    async def at(position: int) -> bool:
        return position in reacted

    async with open_pool(own_database_url, 4) as pool, open_store(own_database_url) as store:
        policy = Policy("fulfilment", (StockReceived,), react)
        reactor = Reactor(pool, store, Positions(), Handler(store), policy, owner="a")
        task = asyncio.create_task(reactor.run())
        await write(own_database_url)
        await eventually(lambda: at(1))
        await endured(own_database_url, "reactor_interrupted")
        assert not task.done()
        await write(own_database_url)
        await eventually(lambda: at(2))
        task.cancel()
        await asyncio.wait([task])


async def test_a_policy_that_is_stopped_while_nothing_can_be_written_does_not_think_it_works(
    own_database_url: str,
) -> None:
    async def react(*_: object) -> Sequence[Command]:
        return ()

    async with open_pool(own_database_url, 4) as pool, open_store(own_database_url) as store:
        policy = Policy("fulfilment", (StockReceived,), react)
        reactor = Reactor(pool, store, Positions(), Handler(store), policy, owner="a")
        task = asyncio.create_task(reactor.run())

        async def works() -> bool:
            return reactor.works

        await eventually(works)
        async with read_only(own_database_url):
            task.cancel()
            await asyncio.wait([task])
        assert not reactor.works


async def test_the_sealer_outlives_a_database_that_was_read_only(own_database_url: str) -> None:
    async with open_pool(own_database_url, 4) as pool, open_store(own_database_url) as store:
        sealer = Sealer(pool, store, Positions(), KEYRING, owner="a", within_s=0.02)
        task = asyncio.create_task(sealer.run())

        async def sealed_to(position: int) -> bool:
            return bool(await pool.fetchval("SELECT max(last_position) FROM seals") == position)

        await write(own_database_url)
        await eventually(lambda: sealed_to(1))
        async with read_only(own_database_url):
            with capture_logs() as logs:

                async def refused() -> bool:
                    return "not_sealing" in [entry["event"] for entry in logs]

                await eventually(refused)
                await asyncio.sleep(0.1)
        assert not task.done()
        await write(own_database_url)
        await eventually(lambda: sealed_to(2))
        task.cancel()
        await asyncio.wait([task])
