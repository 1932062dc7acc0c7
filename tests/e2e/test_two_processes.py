"""Two processes on one database: two that serve sell what there is and not a unit more; one may do the other's work."""

import asyncio
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from infrastructure.ids import new_id
from tests.e2e.service import authorization, read, running, serving
from tests.waiting import eventually

UNITS, BUYERS, EACH_WANTS = 21, 30, 2


async def test_of_many_buyers_at_two_processes_exactly_as_many_win_as_the_stock_allows(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with serving(logs=tmp_path, **environment) as one, serving(logs=tmp_path, **environment) as two:
        async with httpx.AsyncClient(timeout=60) as http:
            sku = await on_sale(http, one.url)
            buyers = [authorization(new_id("usr"), "customer") for _ in range(BUYERS)]
            ways = [(buyer, (one, two)[n % 2].url) for n, buyer in enumerate(buyers)]
            for buyer, url in ways:
                await _post(http, f"{url}/v1/cart/lines", {"sku": sku, "quantity": EACH_WANTS}, buyer)
            answers = await asyncio.gather(*(_ask(http, f"{url}/v1/orders", {}, buyer) for buyer, url in ways))
            winners = UNITS // EACH_WANTS
            assert Counter(answer.status_code for answer in answers) == {201: winners, 409: BUYERS - winners}
            left = {"sku": sku, "requested": EACH_WANTS, "available": UNITS % EACH_WANTS}
            for answer in answers:
                if answer.status_code == 409:
                    assert (answer.json()["code"], answer.json()["items"]) == ("out_of_stock", [left])
            won = [answer for answer in answers if answer.status_code == 201]
            assert len({answer.json()["order_id"] for answer in won}) == winners
            newest = max(int(answer.headers["Commit-Position"]) for answer in won)
            for url in (one.url, two.url):
                staff = authorization(new_id("usr"), "staff")
                level = await read(http, f"{url}/v1/stock/{sku}", staff, newest)
                assert (level["on_hand"], level["reserved"]) == (UNITS, winners * EACH_WANTS), level


async def test_a_worker_projects_and_takes_payments_for_a_service_that_does_neither(
    environment: dict[str, str], tmp_path: Path
) -> None:
    buyer = authorization(new_id("usr"), "customer")
    with (
        serving("--no-workers-in-process", logs=tmp_path, **environment) as service,
        running("worker", logs=tmp_path, **environment) as worker,
    ):
        async with httpx.AsyncClient(base_url=service.url, timeout=60) as http:
            sku = await on_sale(http, service.url)
            await _post(http, "/v1/cart/lines", {"sku": sku, "quantity": 1}, buyer)
            order = f"/v1/orders/{(await _post(http, '/v1/orders', {}, buyer))['order_id']}"
            await _post(http, f"{order}/pay", {"method": "tok_approve"}, buyer)

            async def is_paid() -> bool:
                return bool((await http.get(order, headers=buyer)).json().get("status") == "PAID")

            await eventually(is_paid)
        assert worker.stop() == 0


async def on_sale(http: httpx.AsyncClient, url: str, units: int = UNITS) -> str:
    staff, token = authorization(new_id("usr"), "staff"), secrets.token_hex(4)
    sku, price = f"SKU-{token}", {"amount": 1_999, "currency": "USD"}
    category = await _post(http, f"{url}/v1/categories", {"slug": f"category-{token}", "name": "Mugs"}, staff)
    body = {"slug": f"mug-{token}", "name": "Mug", "category_id": category["id"]}
    product = f"{url}/v1/products/{(await _post(http, f'{url}/v1/products', body, staff))['id']}"
    await _post(http, f"{product}/variants", {"sku": sku, "price": price}, staff)
    await _post(http, f"{product}/publish", {}, staff)
    await _post(http, f"{url}/v1/stock/{sku}/receipts", {"quantity": units}, staff)
    return sku


async def _post(http: httpx.AsyncClient, url: str, body: Any, who: dict[str, str]) -> Any:
    answer = await _ask(http, url, body, who)
    assert answer.is_success, answer.text
    return answer.json()


async def _ask(http: httpx.AsyncClient, url: str, body: Any, who: dict[str, str]) -> httpx.Response:
    return await http.post(url, json=body, headers={**who, "Idempotency-Key": secrets.token_hex(8)})
