"""A fact that a projection cannot take parks its key, with all that follows for it; nothing else waits."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

import infrastructure.parking as parking
from commands.handler import Handler
from commands.rejections import NotFound
from events.operations import FactSkipped
from events.stock import StockEvent, StockReceived
from events.store import Append, Fact, Metadata
from events.values import Sku
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import HEAD, Positions
from infrastructure.projector import Projector
from infrastructure.rebuild import rebuild
from projections.projection import Key, Projection
from projections.stock_level import StockLevelRow, evolve, stock_level
from tests.waiting import PATIENCE_S


class Trouble:
    """Makes the fold fail on chosen quantities."""

    def __init__(self) -> None:
        self.quantities: set[int] = set()

    def evolve(self, row: StockLevelRow | None, fact: Fact[StockEvent], key: Key) -> StockLevelRow | None:
        if isinstance(fact.event, StockReceived) and fact.event.quantity in self.quantities:
            raise RuntimeError(f"cannot take {fact.event.quantity}")
        return evolve(row, fact, key)


@dataclass
class Bench:
    pool: Pool
    store: PostgresEventStore
    positions: Positions
    projector: Projector
    trouble: Trouble
    projection: Projection[Any]

    async def receive(self, sku: str, *quantities: int) -> None:
        for quantity in quantities:
            await self.store.append(Append([StockReceived(Sku(sku), quantity)]))

    async def on_hand(self, sku: str) -> int | None:
        await self.projector.catch_up()
        found: int | None = await self.pool.fetchval("SELECT on_hand FROM stock_level WHERE sku = $1", sku)
        return found

    async def parked(self, sku: str) -> list[tuple[int, bool]]:
        """Id, and whether it failed (or waits behind one that did), in order of positions."""
        rows = await self.pool.fetch(
            "SELECT id, error IS NOT NULL FROM parked WHERE key LIKE '%' || $1 || '%' ORDER BY position", sku
        )
        return [(row[0], row[1]) for row in rows]


@pytest.fixture
async def bench(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    trouble = Trouble()
    troubled: Any = replace(stock_level, evolve=trouble.evolve)
    monkeypatch.setattr(parking, "PROJECTIONS", (troubled,))
    positions = Positions()
    async with (
        open_pool(database_url, 4) as pool,
        Committer(lambda: connect(database_url), lambda head: positions.advance(HEAD, head)) as committer,
    ):
        store = PostgresEventStore(pool, committer, positions)
        yield Bench(
            pool, store, positions, Projector(pool, store, positions, [troubled], owner="test"), trouble, troubled
        )


async def test_the_rest_goes_on_and_successors_queue_behind(bench: Bench) -> None:
    bench.trouble.quantities = {7}
    await bench.receive("A", 1, 7, 2)
    await bench.receive("B", 5)
    assert (await bench.on_hand("A"), await bench.on_hand("B")) == (1, 5)
    await bench.receive("A", 4)
    assert await bench.on_hand("A") == 1
    assert [failed for _, failed in await bench.parked("A")] == [True, False, False]


async def test_a_retry_after_the_repair_takes_the_whole_queue_in_order(bench: Bench) -> None:
    bench.trouble.quantities = {70}
    await bench.receive("C", 70, 2)
    assert await bench.on_hand("C") is None
    [(failed, _), _] = await bench.parked("C")
    folded = await parking.retry(bench.pool, bench.store, failed)
    assert [parked.error is not None for parked in folded.parked] == [True, False]
    assert await bench.pool.fetchval("SELECT attempts FROM parked WHERE id = $1", failed) == 2
    bench.trouble.quantities = set()
    await parking.retry(bench.pool, bench.store, failed)
    assert await bench.on_hand("C") == 72
    assert await bench.parked("C") == []
    await bench.receive("C", 1)
    assert await bench.on_hand("C") == 73


async def test_a_worker_hears_of_a_retry_though_it_remembers_what_is_parked(bench: Bench) -> None:
    bench.trouble.quantities = {71}
    worker = asyncio.create_task(bench.projector.run())
    await bench.receive("I", 1, 71)
    assert await bench.positions.reach("stock_level", await bench.store.head(), PATIENCE_S)
    [(failed, _)] = await bench.parked("I")
    bench.trouble.quantities = set()
    await parking.retry(bench.pool, bench.store, failed)
    await bench.receive("I", 2)
    assert await bench.positions.reach("stock_level", await bench.store.head(), PATIENCE_S)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    assert (await bench.on_hand("I"), await bench.parked("I")) == (74, [])


async def test_a_page_that_a_retry_comes_before_is_folded_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was folded while the key was parked: its fact would wait behind nothing, for ever."""
    bench.trouble.quantities = {72}
    await bench.receive("J", 1, 72)
    assert await bench.on_hand("J") == 1
    [(failed, _)] = await bench.parked("J")
    bench.trouble.quantities = set()
    worker, tries = bench.projector, 0
    advance = worker._leases.advance

    async def late(*arguments: Any, **options: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await parking.retry(bench.pool, bench.store, failed)
        await advance(*arguments, **options)

    monkeypatch.setattr(worker._leases, "advance", late)
    await bench.receive("J", 2)
    await worker._leases.take()
    assert not await worker._turn()
    assert await worker._turn()
    assert tries == 2
    assert (await bench.on_hand("J"), await bench.parked("J")) == (75, [])


async def test_a_skip_says_why_in_the_book_and_lets_the_queue_go_on(bench: Bench) -> None:
    bench.trouble.quantities = {700}
    await bench.receive("D", 1, 700, 2)
    assert await bench.on_hand("D") == 1
    [(failed, _), (waiting, _)] = await bench.parked("D")
    handler = Handler(bench.store)
    who = Metadata(actor="usr_1", command="SkipFact")
    with pytest.raises(NotFound):
        await parking.skip(bench.pool, bench.store, handler, waiting, reason="not the first", metadata=who)
    await parking.skip(bench.pool, bench.store, handler, failed, reason="typing error", metadata=who)
    assert await bench.on_hand("D") == 3
    assert await bench.parked("D") == []
    [skipped] = await bench.store.read(["projection-stock_level"])
    assert isinstance(skipped.event, FactSkipped)
    assert (skipped.event.reason, skipped.metadata.actor) == ("typing error", "usr_1")
    bench.trouble.quantities = set()
    rebuilt = await rebuild(bench.pool, bench.store, bench.projection, owner="test", compare=True)
    assert await bench.on_hand("D") == 3, "what was skipped stays out"
    assert "D/main" not in [each.key for each in rebuilt.examples]


async def test_a_fact_that_cannot_be_read_parks_its_stream(bench: Bench) -> None:
    await bench.receive("E", 1)
    await bench.pool.execute("ALTER TABLE facts DISABLE TRIGGER USER")
    await bench.receive("E", 2)
    await bench.receive("F", 3)
    await bench.pool.execute("UPDATE facts SET type = 'StockMelted' WHERE stream = 'stock-E@main' AND version = 2")
    await bench.pool.execute("UPDATE facts SET schema_version = 9 WHERE stream = 'stock-F@main'")
    await bench.receive("E", 4)
    assert (await bench.on_hand("E"), await bench.on_hand("F")) == (1, None)
    assert [failed for _, failed in await bench.parked("stock-E")] == [True, False]
    assert [failed for _, failed in await bench.parked("stock-F")] == [True]
    await bench.pool.execute("UPDATE facts SET type = 'StockReceived' WHERE type = 'StockMelted'")
    await bench.pool.execute("ALTER TABLE facts ENABLE TRIGGER USER")
    await parking.retry(bench.pool, bench.store, (await bench.parked("stock-E"))[0][0])
    assert await bench.on_hand("E") == 7


async def test_a_row_that_does_not_fit_its_table_parks_only_itself(bench: Bench) -> None:
    await bench.receive("G", 2**62, 2**62)
    await bench.receive("H", 8)
    assert (await bench.on_hand("G"), await bench.on_hand("H")) == (None, 8)
    assert [failed for _, failed in await bench.parked("G")] == [True, False]


async def test_what_is_not_parked_cannot_be_retried(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await parking.retry(bench.pool, bench.store, 123_456_789)
