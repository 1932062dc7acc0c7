"""Customers who order, pay and cancel over HTTP, whatever happens to the service, and ask again for lost answers."""

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from infrastructure.ids import new_id
from tests.e2e.folded_orders import Row
from tests.e2e.service import authorization

HOME = {"name": "Ann", "line1": "Street 1", "city": "Springfield", "postal_code": "12345", "country": "US"}


class Buyer:
    """Orders, and pays or cancels now and then, until the service is gone or the buyer is told to stop."""

    def __init__(self, sku: str) -> None:
        self._line = {"sku": sku, "quantity": 1}
        self.customer_id = new_id("usr")
        self._headers = authorization(self.customer_id, "customer")
        self.acknowledged: list[str] = []
        self.stopping = False
        self._unanswered: list[str] = []

    async def shop(self, http: httpx.AsyncClient) -> None:
        try:
            for turn in itertools.count():
                if self.stopping:
                    return
                await self._post(http, "/v1/cart/lines", self._line)
                order_id = await self._order(http, secrets.token_hex(8))
                if turn % 3 == 1:
                    await self._post(http, f"/v1/orders/{order_id}/pay", {"method": "tok_approve"})
                elif turn % 3 == 2:
                    await self._post(http, f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
        except (httpx.TransportError, Unavailable):
            return

    async def ask_again(self, http: httpx.AsyncClient) -> None:
        """With the same key, until there is an answer, as a client does that got none."""
        for key in self._unanswered[:]:
            while key in self._unanswered:
                try:
                    await self._order(http, key)
                except (httpx.TransportError, Unavailable):
                    await asyncio.sleep(0.1)

    async def _order(self, http: httpx.AsyncClient, key: str) -> str:
        if key not in self._unanswered:
            self._unanswered.append(key)
        answer = await self._post(http, "/v1/orders", {"ship_to": HOME, "shipping_method": "standard"}, key)
        self._unanswered.remove(key)
        self.acknowledged.append(answer["order_id"])
        return self.acknowledged[-1]

    async def _post(self, http: httpx.AsyncClient, path: str, body: Any, key: str | None = None) -> Any:
        headers = {**self._headers, "Idempotency-Key": key or secrets.token_hex(8)}
        answer = await http.post(path, json=body, headers=headers)
        if answer.status_code == 503:
            raise Unavailable(answer.text)
        assert answer.is_success, answer.text
        return answer.json()


class Unavailable(Exception):
    """The service says that it cannot answer at the moment: the order may have been placed or not."""


async def plenty(http: httpx.AsyncClient) -> str:
    """The SKU of something of which there is enough."""
    variant = (await http.get("/v1/products?limit=1")).json()["data"][0]["variants"][0]
    headers = {**authorization(new_id("usr"), "staff"), "Idempotency-Key": "plenty"}
    answer = await http.post(f"/v1/stock/{variant['sku']}/receipts", json={"quantity": 100_000}, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(variant["sku"])


def placed_by(facts: Sequence[Row], buyers: Sequence[Buyer]) -> Counter[str]:
    """How often each order of these buyers is in the book."""
    customers = {buyer.customer_id for buyer in buyers}
    placed = (fact["body"] for fact in facts if fact["type"] == "OrderPlaced")
    return Counter(body["order_id"] for body in placed if body["customer_id"] in customers)
