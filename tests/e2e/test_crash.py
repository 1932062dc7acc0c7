"""kill -9 in the middle of the shop's business: what was acknowledged is there, once, and everything adds up."""

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from infrastructure.embedded import servers_in
from infrastructure.ids import new_id
from tests.e2e import folded
from tests.e2e.service import authorization, own_data_dir, serving
from tests.e2e.shop_client import eventually

BUYERS = 8
ORDERS_BEFORE_THE_CRASH = 120


class Buyer:
    """Orders, and pays or cancels now and then, until the service is gone."""

    def __init__(self, sku: str) -> None:
        self._line = {"sku": sku, "quantity": 1}
        self.customer_id = new_id("usr")
        self._headers = authorization(self.customer_id, "customer")
        self.acknowledged: list[str] = []
        self._unanswered: list[str] = []

    async def shop(self, http: httpx.AsyncClient) -> None:
        try:
            for turn in itertools.count():
                await self._post(http, "/v1/cart/lines", self._line)
                order_id = await self._order(http, secrets.token_hex(8))
                if turn % 3 == 1:
                    await self._post(http, f"/v1/orders/{order_id}/pay", {"method": "tok_approve"})
                elif turn % 3 == 2:
                    await self._post(http, f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
        except httpx.TransportError:
            return

    async def ask_again(self, http: httpx.AsyncClient) -> None:
        """With the same key, as a client does that got no answer."""
        for key in [self._unanswered.pop() for _ in self._unanswered[:]]:
            await self._order(http, key)

    async def _order(self, http: httpx.AsyncClient, key: str) -> str:
        self._unanswered.append(key)
        answer = await self._post(http, "/v1/orders", {}, key)
        self._unanswered.remove(key)
        self.acknowledged.append(answer["order_id"])
        return self.acknowledged[-1]

    async def _post(self, http: httpx.AsyncClient, path: str, body: Any, key: str | None = None) -> Any:
        headers = {**self._headers, "Idempotency-Key": key or secrets.token_hex(8)}
        answer = await http.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()


async def test_after_a_crash_every_acknowledged_order_is_there_once_and_all_tables_equal_a_fold_from_zero(
    tmp_path: Path,
) -> None:
    with own_data_dir() as data_dir:
        with serving("--dev", logs=tmp_path, DAYBOOK_DATA_DIR=str(data_dir)) as service:
            async with httpx.AsyncClient(base_url=service.url, timeout=60) as http:
                buyers = [Buyer(await _plenty(http)) for _ in range(BUYERS)]
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
            assert service.stop() == 0
        facts, tables = await _read(data_dir)
    assert [fact["position"] for fact in facts] == list(range(1, len(facts) + 1))
    assert _placed_by(facts, buyers) == Counter(order for buyer in buyers for order in buyer.acknowledged)
    assert max(_placed_by(facts, buyers).values()) == 1
    expected = folded.folded(facts)
    for table in expected:
        assert tables[table] == expected[table], table
    assert {order["payment"] for order in tables["order_summary"].values()} == {"NONE", "CAPTURED"}


async def _plenty(http: httpx.AsyncClient) -> str:
    """The SKU of something of which there is enough."""
    variant = (await http.get("/v1/products?limit=1")).json()["data"][0]["variants"][0]
    headers = {**authorization(new_id("usr"), "staff"), "Idempotency-Key": "plenty"}
    answer = await http.post(f"/v1/stock/{variant['sku']}/receipts", json={"quantity": 100_000}, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(variant["sku"])


async def _all_is_done(http: httpx.AsyncClient) -> bool:
    """Nothing is left to project or to react to."""
    return all(state["lag"] == 0 for state in (await http.get("/health/ready")).json()["projections"])


async def _read(data_dir: Path) -> tuple[list[folded.Row], folded.Tables]:
    with servers_in(data_dir) as servers:
        connection = await asyncpg.connect(servers.database_url)
        try:
            return await folded.facts_in(connection), await folded.tables_in(connection)
        finally:
            await connection.close()


def _placed_by(facts: Sequence[folded.Row], buyers: Sequence[Buyer]) -> Counter[str]:
    customers = {buyer.customer_id for buyer in buyers}
    placed = (fact["body"] for fact in facts if fact["type"] == "OrderPlaced")
    return Counter(body["order_id"] for body in placed if body["customer_id"] in customers)
