"""kill -9 in the middle of the shop's business: what was acknowledged is there, once, and everything adds up."""

import asyncio
from collections import Counter
from pathlib import Path

import asyncpg
import httpx

from infrastructure.embedded import servers_in
from infrastructure.ids import new_id
from tests.e2e import folded
from tests.e2e.buyers import Buyer, placed_by, plenty
from tests.e2e.folded_orders import Row, Tables
from tests.e2e.service import authorization, own_data_dir, serving
from tests.waiting import eventually

BUYERS = 8
ORDERS_BEFORE_THE_CRASH = 120


async def test_after_a_crash_every_acknowledged_order_is_there_once_and_all_tables_equal_a_fold_from_zero(
    tmp_path: Path,
) -> None:
    with own_data_dir() as data_dir:
        with serving("--dev", logs=tmp_path, DAYBOOK_DATA_DIR=str(data_dir)) as service:
            async with httpx.AsyncClient(base_url=service.url, timeout=60) as http:
                buyers = [Buyer(await plenty(http)) for _ in range(BUYERS)]
                load = [asyncio.create_task(buyer.shop(http)) for buyer in buyers]
                async with asyncio.timeout(120):
                    while (count := sum(len(buyer.acknowledged) for buyer in buyers)) < ORDERS_BEFORE_THE_CRASH:
                        assert not any(task.done() for task in load), count
                        await asyncio.sleep(0.01)
                service.kill()
                await asyncio.gather(*load)
        with serving("--dev", logs=tmp_path, DAYBOOK_DATA_DIR=str(data_dir)) as service:
            async with httpx.AsyncClient(base_url=service.url, timeout=60) as http:
                for buyer in buyers:
                    await buyer.ask_again(http)
                await eventually(lambda: _all_is_done(http))
                staff = authorization(new_id("usr"), "staff")
                asked = {"grace_s": 0}
                agreed = await http.get("/v1/reports/reconciliation", params=asked, headers=staff)
                assert (agreed.json()["gateway"], agreed.json()["data"]) == (True, [])
            assert service.stop() == 0
        facts, tables = await _read(data_dir)
    assert [fact["position"] for fact in facts] == list(range(1, len(facts) + 1))
    assert placed_by(facts, buyers) == Counter(order for buyer in buyers for order in buyer.acknowledged)
    assert max(placed_by(facts, buyers).values()) == 1
    expected = folded.folded(facts)
    for table in expected:
        assert tables[table] == expected[table], table
    assert {order["payment"] for order in tables["order_summary"].values()} == {"NONE", "CAPTURED"}


async def _all_is_done(http: httpx.AsyncClient) -> bool:
    """Nothing is left to project or to react to."""
    return all(state["lag"] == 0 for state in (await http.get("/health/ready")).json()["projections"])


async def _read(data_dir: Path) -> tuple[list[Row], Tables]:
    with servers_in(data_dir) as servers:
        connection = await asyncpg.connect(servers.database_url)
        try:
            return await folded.facts_in(connection), await folded.tables_in(connection)
        finally:
            await connection.close()
