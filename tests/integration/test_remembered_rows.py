"""Rows that a worker remembers from one page to the next: only as long as nobody else can have changed them."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from events.privacy import SubjectForgotten
from events.store import Append
from events.values import UserId
from infrastructure import folding
from infrastructure.database import Connection, Pool
from infrastructure.leases import Lease, interrupt
from infrastructure.projector import Projector
from infrastructure.read_table import ReadTable
from projections.projection import Key
from tests.integration.tally import Engine, TallyRow, open_engine, tally


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    async with open_engine(database_url, ("tally_a",)) as engine:
        yield engine


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[set[Key]]:
    """The keys of each look-up in a read table."""
    keys_of_each: list[set[Key]] = []
    fetch = ReadTable.fetch

    async def noted(
        self: ReadTable[TallyRow], connection: Pool | Connection, keys: Collection[Key]
    ) -> Mapping[Key, TallyRow]:
        keys_of_each.append(set(keys))
        return await fetch(self, connection, keys)

    monkeypatch.setattr(ReadTable, "fetch", noted)
    return keys_of_each


async def working(engine: Engine, **changes: Any) -> Projector:
    """A worker that has caught up with what other tests have left, knows nothing of it, and keeps its lease."""
    worker = engine.projector(replace(tally("tally_a"), **changes))
    await worker._open()
    await worker._leases.take()
    while await worker._turn():
        pass
    held(worker).rows.clear()
    return worker


def held(worker: Projector) -> Lease:
    return worker._leases.held["tally_a"]


async def test_a_row_of_the_page_before_is_not_looked_up_again(engine: Engine, looked_up: list[set[Key]]) -> None:
    worker = await working(engine)
    looked_up.clear()
    for receipts in ([("A-1", 1), ("B-1", 2)], [("A-1", 3)], [("B-1", 4), ("C-1", 5)]):
        await engine.receive(*receipts)
        assert await worker._turn()
    assert looked_up == [{("A-1",), ("B-1",)}, {("C-1",)}]
    assert await engine.received("tally_a") == await engine.expected()
    notes = await engine.pool.fetchval("SELECT notes FROM tally_a WHERE sku = 'A-1'")
    assert notes == '["note","note"]'


async def test_of_very_many_rows_the_newest_are_remembered(
    engine: Engine, looked_up: list[set[Key]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "ROWS_KEPT", 2)
    worker = await working(engine)
    looked_up.clear()
    for sku in ("A-2", "B-2", "A-2", "C-2", "B-2"):
        await engine.receive((sku, 1))
        assert await worker._turn()
    assert looked_up == [{("A-2",)}, {("B-2",)}, {("C-2",)}, {("B-2",)}]
    assert await engine.received("tally_a") == await engine.expected()


async def test_whoever_interrupts_is_not_overwritten_with_what_was_remembered(engine: Engine) -> None:
    worker = await working(engine)
    await engine.receive(("A-3", 1))
    assert await worker._turn()
    async with engine.pool.acquire() as connection, connection.transaction():
        await interrupt(connection, "tally_a")
        await connection.execute("UPDATE tally_a SET received = 100 WHERE sku = 'A-3'")
    await engine.receive(("A-3", 2))
    while not await worker._turn():
        await worker._leases.take()
    assert (await engine.received("tally_a"))["A-3"] == 102


async def test_a_row_that_was_scrubbed_is_looked_up(engine: Engine) -> None:
    worker = await working(engine, personal={"notes": "[]"}, person="sku")
    await engine.receive(("usr_a", 1))
    assert await worker._turn()
    await engine.store.append(Append([SubjectForgotten(UserId("usr_a"), "asked for it")]))
    assert await worker._turn()
    await engine.receive(("usr_a", 2))
    assert await worker._turn()
    [row] = await engine.pool.fetch("SELECT received, notes FROM tally_a WHERE sku = 'usr_a'")
    assert tuple(row) == (3, '["note"]')


async def test_a_row_that_did_not_fit_is_not_taken_for_written(engine: Engine) -> None:
    worker = await working(engine)
    await engine.receive(("A-4", 1), ("B-4", 2**63 - 1))
    assert await worker._turn()
    assert len(held(worker).rows) == 2
    await engine.receive(("A-4", 2), ("B-4", 1))
    assert await worker._turn()
    assert held(worker).rows == {}, "of a page with a row that does not fit"
    assert held(worker).parked_keys == {'["B-4"]'}
    received = await engine.received("tally_a")
    assert (received["A-4"], received["B-4"]) == (3, 2**63 - 1)
    await engine.pool.execute("DELETE FROM parked WHERE projection = 'tally_a'")
