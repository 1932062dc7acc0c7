"""Orders that are paid over HTTP, and the gateway that tells of it."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

from infrastructure.ids import new_id
from tests.e2e.shop_client import Caller, ShopClient
from tests.sandbox import WEBHOOK_SECRET
from tests.waiting import eventually

PATH = "/v1/payments/webhooks/sandbox"
PRICE = 1_999


async def ordered(shop: ShopClient, units: int = 1) -> tuple[Caller, str]:
    customer, product = await shop.customer(), await shop.product(price=PRICE)
    return customer, await shop.order(customer, {product.sku: units})


async def asked(customer: Caller, order_id: str, method: str, **body: Any) -> None:
    answer = await customer.post(f"/v1/orders/{order_id}/pay", {"method": method, **body})
    assert answer.status_code == 202, answer.text


async def seen(shop: ShopClient, order_id: str) -> dict[str, Any]:
    shop.position = max(shop.position, await shop.shop.store.head())
    found: dict[str, Any] = (await (await shop.staff()).get(f"/v1/orders/{order_id}")).json()
    return found


async def becomes(shop: ShopClient, order_id: str, status: str, payment: str) -> dict[str, Any]:
    async def looks() -> bool:
        order = await seen(shop, order_id)
        return (order["status"], order["payment"]) == (status, payment)

    await eventually(looks)
    return await seen(shop, order_id)


async def disagreements(shop: ShopClient, order_id: str) -> list[Any]:
    answer = await (await shop.staff()).get("/v1/reports/reconciliation", grace_s=0)
    assert answer.status_code == 200, answer.text
    return [each for each in answer.json()["data"] if each["order_id"] in (order_id, None)]


def amounts(order: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(each["state"], each["captured"]["amount"], each["refunded"]["amount"]) for each in order["payments"]]


async def facts(shop: ShopClient, order_id: str) -> list[str]:
    return [type(fact.event).__name__ for fact in await shop.shop.store.read([f"order-{order_id}"])]


async def told(
    shop: ShopClient,
    said: Any,
    *,
    event_id: str | None = None,
    secret: str = WEBHOOK_SECRET,
    at: datetime | None = None,
    tampered: bool = False,
) -> httpx.Response:
    """As the gateway would tell it."""
    body, event_id, at = json.dumps(said), event_id or new_id("evt"), at or datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body),
    }
    return await shop.http.post(PATH, content=body + " " * tampered, headers=headers)


def captured(order_id: str, payment_id: str, amount: int = PRICE) -> dict[str, Any]:
    data = {"order_id": order_id, "payment_id": payment_id, "amount": amount, "currency": "USD", "reference": "r"}
    return {"type": "payment.captured", "data": data}
