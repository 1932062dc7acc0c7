"""A divided rebuild that is cut in the middle and asked for again leaves the rows that a fold by hand gives."""

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from events.order import OrderCompleted, OrderEvent
from events.store import Fact
from infrastructure import filling, shares
from infrastructure import rebuild as rebuilding
from infrastructure.database import UNREACHABLE
from infrastructure.leases import Leases
from infrastructure.read_table import ReadTable
from infrastructure.rebuild import rebuild
from infrastructure.shares import ShareFailed
from projections.order_summary import OrderSummaryRow, order_summary
from projections.projection import Key, Projection
from tests.integration.divided import ORDERS, SMALL, processes, write_orders
from tests.integration.tally import Engine, open_engine
from tests.waiting import eventually

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
CUT = (
    f"SELECT pg_terminate_backend(pid) FROM ({BACKENDS}) AS b WHERE pid <> pg_backend_pid() AND pid <> ALL ($1::int[])"
)
BEGUN = "SELECT count(*) FROM projections WHERE name LIKE 'order_summary\\_\\_new\\_%' AND position > 0"
LET_GO = "UPDATE projections SET lease_until = '-infinity' WHERE name = 'order_summary__new'"


@pytest.fixture
async def engine(own_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    for name, value in SMALL.items():
        monkeypatch.setattr(filling, name, value)
    monkeypatch.setattr(rebuilding, "DIVIDED_FROM", 0)
    monkeypatch.setattr(shares, "RENEW_EVERY_S", 0.1)
    async with open_engine(own_database_url, ()) as engine:
        await write_orders(engine.store)
        await Leases(engine.pool, [order_summary.name], "a worker").prepare()
        yield engine
        assert multiprocessing.active_children() == []


async def _by_hand(engine: Engine) -> Mapping[str, OrderSummaryRow]:
    """One fact after the other, without any of what a rebuild is made of."""
    rows: dict[str, OrderSummaryRow] = {}
    for fact in await engine.store.read_all(0, limit=10_000):
        if isinstance(fact.event, get_args(OrderEvent)):
            (key,) = key_of = order_summary.touched(fact)[0]
            row = order_summary.evolve(rows.get(key), fact, key_of)
            assert row is not None
            rows[key] = row
    return rows


def _held_back(until: Path) -> Projection[OrderSummaryRow]:
    """It stops at its first completed order, until there is such a file."""

    def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
        while isinstance(fact.event, OrderCompleted) and not until.exists():
            time.sleep(0.01)
        return order_summary.evolve(row, fact, key)

    return replace(order_summary, evolve=evolve)


@pytest.mark.parametrize("what", ["a process", "the connections of the processes", "all connections"])
async def test_the_rows_are_those_of_the_facts_whatever_was_cut(
    engine: Engine, own_database_url: str, tmp_path: Path, what: str
) -> None:
    projection, by_hand = _held_back(tmp_path / "cut"), await _by_hand(engine)
    others = [pid for (pid,) in await engine.pool.fetch(BACKENDS)]

    async def rebuilt() -> None:
        await rebuild(engine.pool, engine.store, projection, owner="me", processes=processes(own_database_url))

    async def both_have_written() -> bool:
        return bool(await engine.pool.fetchval(BEGUN) == 2)

    running = asyncio.create_task(rebuilt())
    await eventually(both_have_written)
    if what == "a process":
        multiprocessing.active_children()[0].kill()
    else:
        cut = await engine.pool.fetch(CUT, [] if what == "all connections" else others)
        assert len(cut) >= 2
    (tmp_path / "cut").touch()
    with pytest.raises((ShareFailed, *UNREACHABLE)):
        await running
    await engine.pool.fetch("SELECT")  # whose connection may have been cut as well: asked again on another one
    await engine.pool.execute(LET_GO)
    await rebuilt()
    table = await ReadTable.open(engine.pool, order_summary)
    rows = await table.fetch(engine.pool, [(key,) for key in by_hand])
    assert {key: row for (key,), row in rows.items()} == by_hand
    assert await engine.pool.fetchval("SELECT count(*) FROM order_summary") == len(by_hand) == ORDERS
