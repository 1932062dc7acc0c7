"""A rebuild folds many pages before it writes: the rows are the same, and what stays in memory is bounded."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from events import Event
from events.stock import StockAdjusted, StockReceived
from events.store import Append, Fact
from events.values import Sku
from infrastructure import bulk_fold, filling, read_table
from infrastructure.bulk_fold import BulkFold
from infrastructure.filling import Filling, Progress
from infrastructure.leases import LeaseLost
from infrastructure.read_table import ReadTable
from infrastructure.rebuild import rebuild
from projections.projection import Key
from tests.integration.tally import Engine, open_engine, tally


@pytest.fixture
async def engine(own_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """Small pages and small steps, so that a small book is a long one; the live table is up to date."""
    monkeypatch.setattr(filling, "PAGE_FACTS", 50)
    monkeypatch.setattr(filling, "LAST_STEP_FACTS", 0)
    monkeypatch.setattr(filling, "WRITE_EVERY_S", 60.0)
    async with open_engine(own_database_url, ("tally_a",)) as engine:
        await engine.projector(tally("tally_a")).catch_up()
        yield engine


async def test_what_is_in_memory_is_bounded_and_the_rows_are_the_fold_of_the_facts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_table, "COPIED_FROM_ROWS", 10)
    monkeypatch.setattr(bulk_fold, "ROWS_KEPT", 60)
    monkeypatch.setattr(bulk_fold, "ROWS_UNWRITTEN_MAX", 60)
    held: list[tuple[int, int]] = []
    write = BulkFold.write

    async def watched(self: BulkFold, connection: Any) -> None:
        before = len(self._rows)
        await write(self, connection)
        assert self._there <= self._rows.keys()
        held.append((before, len(self._rows)))

    async def never(*arguments: Any) -> None:
        raise AssertionError("every row fits")

    monkeypatch.setattr(BulkFold, "write", watched)
    monkeypatch.setattr(Filling, "_page_by_page", never)
    for lap in range(3):
        await engine.receive(*[("HOT" if n % 10 == 0 else f"S-{n % 300}", n + lap) for n in range(700)])
        await engine.store.append(Append([StockAdjusted(Sku(f"S-{n}"), -1, "lost") for n in range(lap * 10, 40)]))
    await rebuild(engine.pool, engine.store, tally("tally_a"), owner="me")
    assert len(held) > 10
    assert max(before for before, _ in held) <= 60 + 60 + 50
    assert max(after for _, after in held) <= 60
    assert await engine.received("tally_a") == await engine.expected()


async def test_a_row_is_fetched_and_written_once_however_many_pages_touch_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: Counter[Key] = Counter()
    written: Counter[Key] = Counter()
    fetch, write = ReadTable.fetch, ReadTable.write

    async def watched_fetch(self: ReadTable[Any], connection: Any, keys: Any) -> Any:
        fetched.update(keys)
        return await fetch(self, connection, keys)

    async def watched_write(self: ReadTable[Any], connection: Any, rows: Any, there: Any) -> None:
        written.update(list(rows))
        await write(self, connection, rows, there)

    for _ in range(10):
        await engine.receive(*[(f"S-{n}", 1) for n in range(50)])
    monkeypatch.setattr(ReadTable, "fetch", watched_fetch)
    monkeypatch.setattr(ReadTable, "write", watched_write)
    await rebuild(engine.pool, engine.store, tally("tally_a"), owner="me")
    assert await engine.received("tally_a") == {f"S-{n}": 10 for n in range(50)}
    assert fetched == written == Counter((f"S-{n}",) for n in range(50))


async def test_a_fact_that_cannot_be_taken_parks_its_key_across_pages(engine: Engine) -> None:
    def spoil(fact: Fact[Event]) -> None:
        if isinstance(fact.event, StockReceived) and fact.event.quantity == 13:
            raise RuntimeError("unlucky")

    await engine.receive(("BAD", 1), *[(f"S-{n}", 1) for n in range(60)], ("BAD", 13))
    await engine.receive(*[(f"S-{n}", 1) for n in range(120)], ("BAD", 2))
    rebuilt = await rebuild(engine.pool, engine.store, tally("tally_a", spoil), owner="me")
    received = await engine.received("tally_a")
    assert received.pop("BAD") == 1
    assert received == {f"S-{n}": 2 if n < 60 else 1 for n in range(120)}
    parked = await engine.pool.fetch("SELECT key, error FROM parked WHERE projection = 'tally_a' ORDER BY position")
    assert rebuilt.parked == 2
    assert [tuple(each) for each in parked] == [('["BAD"]', "RuntimeError: unlucky"), ('["BAD"]', None)]


async def test_a_row_that_does_not_fit_parks_only_itself(engine: Engine) -> None:
    """Enough rows to be copied in: then the value is refused before it is sent."""
    await engine.receive(*[(f"S-{n}", 1) for n in range(300)], ("BIG", 2**62), ("BIG", 2**62), ("AFTER", 4))
    assert await _parked_of(engine, "live") == [True, False]
    await engine.pool.execute("DELETE FROM parked")
    rebuilt = await rebuild(engine.pool, engine.store, tally("tally_a"), owner="me")
    assert rebuilt.parked == 2
    received = await engine.received("tally_a")
    assert "BIG" not in received
    assert (len(received), received["AFTER"]) == (301, 4)


async def _parked_of(engine: Engine, owner: str) -> list[bool]:
    await engine.projector(tally("tally_a"), owner=owner, page_facts=1_000).catch_up()
    received = await engine.received("tally_a")
    assert ("BIG" in received, len(received)) == (False, 301)
    return [row[0] for row in await engine.pool.fetch("SELECT error IS NOT NULL FROM parked ORDER BY position")]


async def test_a_rebuild_that_was_overtaken_writes_nothing_more(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages behind are being read already when it finds out."""
    monkeypatch.setattr(filling, "WRITE_EVERY_S", 0.0)
    await engine.receive(*[(f"S-{n}", 1) for n in range(400)])
    stood: list[int] = []

    async def overtake() -> None:
        await engine.pool.execute("UPDATE projections SET epoch = epoch + 1, owner = 'other' WHERE name LIKE '%new'")

    take = BulkFold.take

    async def taken(self: BulkFold, connection: Any, facts: Any) -> None:
        await take(self, connection, facts)
        if stood[-1] >= 100:
            await overtake()

    monkeypatch.setattr(BulkFold, "take", taken)

    def on_progress(progress: Progress) -> None:
        stood.append(progress.position)

    with pytest.raises(LeaseLost):
        await rebuild(engine.pool, engine.store, tally("tally_a"), owner="me", on_progress=on_progress)
    assert stood[-1] == 100
    left = await engine.pool.fetchrow("SELECT position, owner FROM projections WHERE name = 'tally_a__new'")
    assert left is not None and tuple(left) == (100, "other")
    assert await engine.pool.fetchval("SELECT sum(received) FROM tally_a__new") == 100
