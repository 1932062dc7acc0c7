"""A fact may touch several rows, of which one cannot take it: its retry leaves the others as they are."""

from dataclasses import replace
from typing import Any

import pytest

import infrastructure.parking as parking
from events.stock import StockReceived
from events.store import Fact
from projections.projection import Key
from tests.integration.tally import TallyRow, open_engine, tally

FAILED = "SELECT id FROM parked WHERE projection = 'tallies' AND error IS NOT NULL"


async def test_a_retry_moves_the_row_that_failed_and_no_other(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = {("all",)}

    def evolve(row: TallyRow | None, fact: Fact[StockReceived], key: Key) -> TallyRow:
        if key in trouble:
            raise RuntimeError("cannot take it")
        row = row or TallyRow(str(key[0]), 0, [], 0)
        return row._replace(received=row.received + fact.event.quantity)

    both: Any = replace(tally("tallies"), keys=lambda event: [(event.sku,), ("all",)], evolve=evolve)
    monkeypatch.setattr(parking, "PROJECTIONS", (both,))
    async with open_engine(own_database_url, ["tallies"]) as engine:
        await engine.receive(("A", 5), ("B", 2))
        await engine.projector(both).catch_up()
        assert await engine.received("tallies") == {"A": 5, "B": 2}
        trouble.clear()
        await parking.retry(engine.pool, engine.store, await engine.pool.fetchval(FAILED))
        assert await engine.received("tallies") == {"A": 5, "B": 2, "all": 7}
