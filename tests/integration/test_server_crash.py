"""Pages do not wait for the disk: what a crash of the server undoes is folded again, and counts once."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from infrastructure import migrations
from infrastructure.database import UNREACHABLE, connect
from infrastructure.embedded import throwaway_servers
from infrastructure.wakeups import listen
from tests.integration.tally import open_engine, tally
from tests.waiting import eventually

WAL_WRITER = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"


@pytest.fixture
def own_server() -> Iterator[str]:
    """As durable as in production, and nobody else's."""
    with throwaway_servers() as servers:
        asyncio.run(migrations.upgrade(servers.database_url))
        yield servers.database_url


async def test_a_page_that_a_crash_of_the_server_undoes_is_folded_again(own_server: str) -> None:
    async with open_engine(own_server, ("tally_a",)) as engine:
        await engine.pool.execute("ALTER SYSTEM SET autovacuum = off")  # its commits would flush the page's
        await engine.pool.execute("SELECT pg_reload_conf()")
        hearing = asyncio.create_task(listen(lambda: connect(own_server), engine.positions))

        async def is_heard() -> bool:
            await engine.pool.execute("NOTIFY daybook, 'heard 1'")
            return engine.positions["heard"] == 1

        await eventually(is_heard)
        worker = engine.projector(tally("tally_a"))
        await worker._open()
        await worker._leases.take()
        await engine.receive(("A", 1), ("B", 2))
        assert await worker._turn()
        before, head = engine.positions["tally_a"], await engine.receive(("A", 3))

        wal_writer = await engine.pool.fetchval(WAL_WRITER)
        os.kill(wal_writer, signal.SIGSTOP)
        assert await worker._turn()
        assert await engine.received("tally_a") == {"A": 4, "B": 2}
        assert engine.positions["tally_a"] == head
        os.kill(wal_writer, signal.SIGKILL)  # at which the server throws everybody out and recovers from the disk

        async def is_put_back() -> bool:
            try:
                return bool((await engine.checkpoint("tally_a"))["position"] == before)
            except UNREACHABLE:
                return False

        await eventually(is_put_back)
        assert await engine.received("tally_a") == {"A": 1, "B": 2}
        assert engine.positions["tally_a"] < head, "readers that ask for the head have to wait again"
        assert await engine.store.head() == head

        working = asyncio.create_task(worker.run())

        async def is_made_up_for() -> bool:
            return bool((await engine.checkpoint("tally_a"))["position"] == head)

        await eventually(is_made_up_for)
        rows = await engine.pool.fetch("SELECT sku, received, notes FROM tally_a ORDER BY sku")
        assert [tuple(row) for row in rows] == [("A", 4, '["note","note"]'), ("B", 2, '["note"]')]
        for task in (working, hearing):
            task.cancel()
        await asyncio.gather(working, hearing, return_exceptions=True)
