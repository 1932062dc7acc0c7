"""A rebuild that is divided over processes leaves the same rows as one that is not, whoever dies on the way."""

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import psutil
import pytest

from events.order import OrderCompleted, OrderEvent, OrderShipped
from events.privacy import SubjectForgotten
from events.store import Append, Fact
from infrastructure import filling, shares
from infrastructure import rebuild as rebuilding
from infrastructure.filling import Progress
from infrastructure.leases import LeaseLost
from infrastructure.rebuild import Rebuilt, rebuild
from infrastructure.shares import ShareFailed
from projections.order_summary import OrderSummaryRow, order_summary
from projections.projection import Key, Projection
from tests.integration.divided import ORDERS, SMALL, customer, order_id, processes, told_who, write_orders
from tests.integration.tally import Engine, open_engine

ENDS_WITHIN_S = 60
LEFT = "SELECT name, position FROM projections WHERE name LIKE 'order_summary\\_\\_new%' ORDER BY name"


@pytest.fixture
async def engine(own_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """Small pages and small steps; the live table is up to date. What is set here, the processes inherit."""
    for name, value in SMALL.items():
        monkeypatch.setattr(filling, name, value)
    monkeypatch.setattr(rebuilding, "DIVIDED_FROM", 0)
    monkeypatch.setattr(shares, "RENEW_EVERY_S", 0.1)
    async with open_engine(own_database_url, ()) as engine:
        await write_orders(engine.store)
        await _live(engine)
        yield engine
        assert multiprocessing.active_children() == []


@pytest.fixture
def url(own_database_url: str) -> str:
    return own_database_url


async def _live(engine: Engine) -> None:
    projector: Any = engine.projector(order_summary)  # type: ignore[arg-type]
    await projector.catch_up()


async def _rows(engine: Engine) -> list[str]:
    return [row for (row,) in await engine.pool.fetch("SELECT t::text FROM order_summary t ORDER BY order_id")]


async def _rebuilt(engine: Engine, url: str, projection: Projection[Any] = order_summary, **more: Any) -> Rebuilt:
    more = {"owner": "me", "processes": processes(url), **more}
    return await rebuild(engine.pool, engine.store, projection, **more)


@pytest.mark.parametrize("number", [2, 3])
async def test_the_rows_are_the_same_and_every_process_folded_some(engine: Engine, url: str, number: int) -> None:
    live = await _rows(engine)
    assert len(live) == ORDERS
    rebuilt = await _rebuilt(engine, url, compare=True, processes=processes(url, number))
    assert (rebuilt.different, rebuilt.parked, rebuilt.begun_anew) == (0, 0, None)
    assert await _rows(engine) == live
    assert await engine.pool.fetch(LEFT) == []
    await _rebuilt(engine, url, told_who(), processes=processes(url, number))
    folded_by = {pid for (pid,) in await engine.pool.fetch("SELECT DISTINCT cancel_reason FROM order_summary")}
    assert len(folded_by) == number
    assert str(os.getpid()) not in folded_by


async def test_a_projection_whose_rows_are_of_many_streams_is_not_divided(engine: Engine, url: str) -> None:
    projection = replace(told_who(), stream=None)
    await _rebuilt(engine, url, projection)
    folded_by = await engine.pool.fetch("SELECT DISTINCT cancel_reason FROM order_summary")
    assert [pid for (pid,) in folded_by] == [str(os.getpid())]


async def test_what_waits_in_a_share_waits_in_the_table(engine: Engine, url: str) -> None:
    """In both shares a fact cannot be taken, and the one behind it has to wait."""
    bad = {order_id(number) for number in range(10)}

    def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
        if isinstance(fact.event, OrderShipped) and fact.event.order_id in bad:
            raise RuntimeError("unlucky")
        return order_summary.evolve(row, fact, key)

    rebuilt = await _rebuilt(engine, url, replace(order_summary, evolve=evolve))
    assert rebuilt.parked == 20
    parked = await engine.pool.fetch("SELECT projection, key, type, error FROM parked ORDER BY key, position")
    assert {row["projection"] for row in parked} == {"order_summary"}
    assert [row["key"] for row in parked[::2]] == [f'["{each}"]' for each in sorted(bad)]
    assert {(row["type"], row["error"]) for row in parked} == {
        ("OrderShipped", "RuntimeError: unlucky"),
        ("OrderCompleted", None),
    }
    statuses = dict(map(tuple, await engine.pool.fetch("SELECT order_id, status FROM order_summary")))
    assert {each for each, status in statuses.items() if status == "PAID"} == bad
    assert set(statuses.values()) == {"PAID", "COMPLETED"}


async def test_who_is_forgotten_is_scrubbed_in_every_share(engine: Engine, url: str) -> None:
    """Also of what was written down in plain text, before there were keys."""
    async with engine.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # facts are never changed otherwise
        await connection.execute(
            "UPDATE facts SET body = (body::jsonb || jsonb_build_object('email', 'ann@example.com'))::json"
            " WHERE type = 'OrderPlaced'"
        )
    await engine.store.append(Append([SubjectForgotten(customer(3), "she asked for it")]))
    await _live(engine)
    await _rebuilt(engine, url)
    kept = await engine.pool.fetch("SELECT customer_id, count(email), count(*) FROM order_summary GROUP BY 1")
    assert {row["customer_id"]: row[1] > 0 for row in kept} == {customer(n): n != 3 for n in range(7)}
    assert await engine.pool.fetch(LEFT) == []


async def test_a_process_that_dies_costs_its_last_stride(engine: Engine, url: str, tmp_path: Path) -> None:
    """The rebuild ends, and asked for again goes on where each process stopped."""
    live, spared = await _rows(engine), tmp_path / "spared"

    def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
        if isinstance(fact.event, OrderCompleted) and fact.event.order_id == order_id(60) and not spared.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return order_summary.evolve(row, fact, key)

    projection = replace(order_summary, evolve=evolve)
    with pytest.raises(ShareFailed):
        await _rebuilt(engine, url, projection)
    left = await engine.pool.fetch(LEFT)
    assert [row["name"] for row in left] == [f"order_summary__new{share}" for share in ("", "_1of2", "_2of2")]
    assert max(row["position"] for row in left[1:]) > 0
    assert await _rows(engine) == live, "the live table is as it was"
    spared.touch()
    seen: list[Progress] = []
    rebuilt = await _rebuilt(engine, url, projection, on_progress=seen.append)
    assert rebuilt.begun_anew is None
    assert seen[0].position >= sum(row["position"] for row in left[1:]) // 2 > 0
    assert [each.position for each in seen] == sorted(each.position for each in seen)
    assert await _rows(engine) == live
    assert await engine.pool.fetch(LEFT) == []


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_what_was_divided_goes_on_as_it_was_or_says_that_it_begins_anew(
    engine: Engine, url: str, number: int, tmp_path: Path
) -> None:
    """One process cannot go on with what was divided between two; more go on as these two did."""
    live, spared = await _rows(engine), tmp_path / "spared"

    def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
        if isinstance(fact.event, OrderCompleted) and not spared.exists():
            raise SystemExit(3)
        return order_summary.evolve(row, fact, key)

    projection = replace(order_summary, evolve=evolve)
    with pytest.raises(ShareFailed):
        await _rebuilt(engine, url, projection)
    left = [row["position"] for row in await engine.pool.fetch(LEFT)][1:]
    assert max(left) > 0
    spared.touch()
    seen: list[Progress] = []
    rebuilt = await _rebuilt(
        engine,
        url,
        projection,
        processes=processes(url, number) if number > 1 else None,
        on_progress=seen.append,
    )
    anew = "it was divided among 2 processes, and this one is not" if number == 1 else None
    assert (rebuilt.begun_anew, rebuilt.processes) == (anew, 2 if number == 3 else None)
    assert seen[0].position in ((0,) if anew else (sum(left) // 2, (sum(left) + 1) // 2))
    assert await _rows(engine) == live
    assert await engine.pool.fetch(LEFT) == []


async def test_a_rebuild_that_was_overtaken_ends_with_its_processes(engine: Engine, url: str, tmp_path: Path) -> None:
    live, overtaken = await _rows(engine), tmp_path / "overtaken"

    def evolve(row: OrderSummaryRow | None, fact: Fact[OrderEvent], key: Key) -> OrderSummaryRow | None:
        while isinstance(fact.event, OrderCompleted) and not overtaken.exists():
            time.sleep(0.01)
        return order_summary.evolve(row, fact, key)

    def overtake(name: str) -> str:
        return (
            f"UPDATE projections SET epoch = epoch + 1, owner = 'other', lease_until = 'infinity' WHERE name = '{name}'"
        )

    async def rebuilt() -> None:
        await _rebuilt(engine, url, replace(order_summary, evolve=evolve))

    running = asyncio.create_task(rebuilt())
    while len(await engine.pool.fetch(LEFT)) < 3:
        await asyncio.sleep(0.01)
    await engine.pool.execute(overtake("order_summary__new"))
    with pytest.raises(LeaseLost):
        await running
    await engine.pool.execute("UPDATE projections SET lease_until = '-infinity' WHERE name = 'order_summary__new'")
    running = asyncio.create_task(rebuilt())
    while await engine.pool.fetchval("SELECT count(DISTINCT epoch) FROM projections WHERE name LIKE '%\\_\\_new%'") > 1:
        await asyncio.sleep(0.01)
    await engine.pool.execute(overtake("order_summary__new_2of2"))
    overtaken.touch()
    with pytest.raises(ShareFailed):
        await running
    await _rebuilt(engine, url)
    assert await _rows(engine) == live


async def test_who_was_held_up_before_the_work_began_does_not_touch_the_shares_of_whoever_took_over(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def overtaken(*arguments: Any) -> None:
        await engine.pool.execute("UPDATE projections SET epoch = epoch + 1 WHERE name = 'order_summary__new'")
        for number in (1, 2):
            share = f"order_summary__new_{number}of2"
            await engine.pool.execute("INSERT INTO projections (name, position, epoch) VALUES ($1, 3, 99)", share)
        await shares.fill_in_shares(*arguments)

    monkeypatch.setattr(rebuilding, "fill_in_shares", overtaken)
    with pytest.raises(LeaseLost):
        await _rebuilt(engine, url)
    left = await engine.pool.fetch("SELECT position, epoch FROM projections WHERE name LIKE '%of2'")
    assert [tuple(row) for row in left] == [(3, 99), (3, 99)]


async def test_no_process_outlives_a_rebuild_that_was_killed(engine: Engine, url: str) -> None:
    """It is asked for again at once, and neither waits for leases nor lets the others write."""
    live = await _rows(engine)
    with Popen([sys.executable, "-m", "tests.integration.divided", url], stdout=PIPE, text=True) as killed:
        assert killed.stdout is not None
        others = [psutil.Process(int(killed.stdout.readline())) for _ in range(2)]
        killed.kill()
        _, alive = psutil.wait_procs(others, ENDS_WITHIN_S)
    assert alive == []
    await engine.pool.execute("UPDATE projections SET lease_until = '-infinity' WHERE name = 'order_summary__new'")
    await _rebuilt(engine, url)
    assert await _rows(engine) == live
    assert await engine.pool.fetch(LEFT) == []
