"""A rebuild beside live traffic ends with the rows that the facts say, under the same names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

import infrastructure.filling as filling
from events.stock import StockReceived
from events.store import Append
from events.values import Sku
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.filling import Progress
from infrastructure.positions import HEAD, Positions
from infrastructure.projector import Projector
from infrastructure.rebuild import RebuildRunning, rebuild, roll_back
from projections.stock_level import stock_level

_INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'stock_level' ORDER BY 1"


@dataclass
class Bench:
    pool: Pool
    store: PostgresEventStore
    projector: Projector

    async def receive(self, sku: str, quantity: int = 1, times: int = 1) -> None:
        await asyncio.gather(*(self.store.append(Append([StockReceived(Sku(sku), quantity)])) for _ in range(times)))

    async def on_hand(self, sku: str) -> int | None:
        found: int | None = await self.pool.fetchval("SELECT on_hand FROM stock_level WHERE sku = $1", sku)
        return found


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    positions = Positions()
    async with (
        open_pool(database_url, 6) as pool,
        Committer(lambda: connect(database_url), lambda head: positions.advance(HEAD, head)) as committer,
    ):
        store = PostgresEventStore(pool, committer, positions)
        yield Bench(pool, store, Projector(pool, store, positions, [stock_level], owner="live"))


async def test_wrong_rows_are_found_and_mended_and_the_names_stay(bench: Bench) -> None:
    await bench.receive("A", 3, times=40)
    await bench.receive("B", 5)
    await bench.projector.catch_up()
    indexes = await bench.pool.fetch(_INDEXES)
    await bench.pool.execute("UPDATE stock_level SET on_hand = 1 WHERE sku = 'A'")
    rebuilt = await rebuild(bench.pool, bench.store, stock_level, owner="me", compare=True)
    [wrong] = rebuilt.examples
    assert (rebuilt.different, wrong.key) == (1, "A/main")
    assert (wrong.before, wrong.after) == ({"on_hand": 1}, {"on_hand": 120})
    assert (await bench.on_hand("A"), await bench.on_hand("B")) == (120, 5)
    assert await bench.pool.fetch(_INDEXES) == indexes
    again = await rebuild(bench.pool, bench.store, stock_level, owner="me", compare=True)
    assert again.different == 0
    await bench.pool.execute("UPDATE stock_level SET sku = 'C' WHERE sku = 'A'")
    moved = await rebuild(bench.pool, bench.store, stock_level, owner="me", compare=True)
    gone, extra = moved.examples
    assert (gone.key, gone.before, gone.after and gone.after["on_hand"]) == ("A/main", None, 120)
    assert (extra.key, extra.before and extra.before["sku"], extra.after) == ("C/main", "C", None)


async def test_a_table_that_no_worker_has_ever_begun_is_filled(bench: Bench) -> None:
    await bench.pool.execute("DELETE FROM projections WHERE name = 'stock_level'")
    await bench.receive("new", 3)
    await rebuild(bench.pool, bench.store, stock_level, owner="me")
    await bench.receive("new", 4)
    await bench.projector.catch_up()
    assert await bench.on_hand("new") == 7


async def test_live_traffic_goes_on_during_a_rebuild_and_nothing_is_lost_or_doubled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PAGE_FACTS", 50)
    monkeypatch.setattr(filling, "LAST_STEP_FACTS", 20)
    await bench.receive("C", 1, times=500)
    live = asyncio.create_task(bench.projector.run())
    writing = asyncio.create_task(bench.receive("C", 1, times=300))
    seen: list[Progress] = []
    rebuilt = await rebuild(bench.pool, bench.store, stock_level, owner="me", on_progress=seen.append)
    await writing
    await bench.receive("C", 1, times=10)
    async with asyncio.timeout(60):
        while await bench.on_hand("C") != 810:
            await asyncio.sleep(0.05)
    live.cancel()
    with suppress(asyncio.CancelledError):
        await live
    assert rebuilt.position > 0
    assert [step.position for step in seen] == sorted(step.position for step in seen)


async def test_an_interrupted_rebuild_goes_on_where_it_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "PAGE_FACTS", 50)
    monkeypatch.setattr(filling, "LAST_STEP_FACTS", 20)
    await bench.receive("D", 1, times=300)
    await bench.projector.catch_up()

    def stop_early(progress: Progress) -> None:
        if progress.position > 100:
            raise KeyError("stopped")

    with pytest.raises(KeyError):
        await rebuild(bench.pool, bench.store, stock_level, owner="first", on_progress=stop_early)
    seen: list[Progress] = []
    await rebuild(bench.pool, bench.store, stock_level, owner="second", on_progress=seen.append)
    assert seen[0].position > 100
    assert await bench.on_hand("D") == 300


async def test_two_rebuilds_of_one_projection_do_not_mix(bench: Bench) -> None:
    await bench.receive("E", 1, times=50)
    both = await asyncio.gather(
        *(rebuild(bench.pool, bench.store, stock_level, owner=owner) for owner in ("one", "two")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in both].count(RebuildRunning) <= 1
    assert not [
        outcome for outcome in both if isinstance(outcome, BaseException) and type(outcome) is not RebuildRunning
    ]
    await bench.projector.catch_up()
    assert await bench.on_hand("E") == 50


async def test_the_replaced_table_can_be_put_back_and_is_brought_up_to_date(bench: Bench) -> None:
    await bench.receive("F", 2)
    await bench.projector.catch_up()
    await bench.pool.execute("UPDATE stock_level SET on_hand = 99 WHERE sku = 'F'")
    await rebuild(bench.pool, bench.store, stock_level, owner="me")
    await bench.receive("F", 1)
    await bench.projector.catch_up()
    assert await bench.on_hand("F") == 3
    await roll_back(bench.pool, bench.store, stock_level)
    assert await bench.on_hand("F") == 100, "the kept row, and what has happened since"
    await bench.projector.catch_up()
    assert await bench.on_hand("F") == 100
