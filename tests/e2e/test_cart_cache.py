"""Carts through Redis: `user:{id}:cart`, dropped when the cart changes, never older than what a reader insists on."""

import asyncio
import json

import redis.asyncio

from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, ShopClient, created
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE


async def test_a_cart_says_what_has_changed_since_it_was_filled(shop_client: ShopClient) -> None:
    dearer, cheaper, same, gone = [await shop_client.product(price=1_000, stock=9) for _ in range(4)]
    ann, staff = await shop_client.customer(), await shop_client.staff()
    for product in (dearer, cheaper, same, gone):
        created(await ann.post("/v1/cart/lines", {"sku": product.sku, "quantity": 5}))
    for product, amount in ((dearer, 1_200), (cheaper, 900)):
        await staff.request("PUT", f"/v1/variants/{product.sku}/price", json={"amount": amount, "currency": "USD"})
    await staff.post(f"/v1/products/{gone.product_id}/archive")
    created(await staff.post(f"/v1/stock/{cheaper.sku}/adjustments", {"delta": -5, "reason": "broken"}))
    lines = (await ann.get("/v1/cart")).json()["lines"]
    assert [line["changes"] for line in lines] == [["price_rose"], ["price_fell", "too_few"], [], ["not_for_sale"]]
    assert [line["unit_price_then"]["amount"] for line in lines] == [1_000] * 4
    euros = (await ann.get("/v1/cart", currency="EUR")).json()["lines"]
    assert [line["unit_price_then"] for line in euros] == [None] * 4
    created(await ann.post("/v1/cart/lines", {"sku": dearer.sku}))
    assert (await ann.get("/v1/cart")).json()["lines"][0]["changes"] == []


async def test_the_second_reader_is_served_from_redis(
    shop_client: ShopClient, settings: Settings, redis_url: str
) -> None:
    product, ann = await shop_client.product(), await shop_client.customer()
    created(await ann.post("/v1/cart/lines", {"sku": product.sku}))
    first = await ann.get("/v1/cart")
    name = f"{settings.key_prefix}user:{ann.user_id}:cart"
    async with redis.asyncio.Redis.from_url(redis_url) as client:

        async def kept() -> bool:
            await ann.get("/v1/cart")
            return first.content in (await client.get(name) or b"")

        await eventually(kept)
        assert 0 < await client.ttl(name) <= 60
        position = await shop_client.shop.store.head()

        async def from_redis() -> bool:
            await client.set(name, f"{position} 7\n".encode() + b'{"marked":true}', ex=60)
            answer = await ann.request("GET", "/v1/cart")
            return answer.json() == {"marked": True} and answer.headers["ETag"] == '"7"'

        await eventually(from_redis)
    created(await ann.post("/v1/cart/lines", {"sku": product.sku}))
    assert (await ann.get("/v1/cart")).json()["lines"][0]["quantity"] == 2


async def test_readers_race_with_writers_and_never_see_less_than_they_insist_on(shop_client: ShopClient) -> None:
    product, ann, staff = await shop_client.product(price=1), await shop_client.customer(), await shop_client.staff()
    created(await ann.post("/v1/cart/lines", {"sku": product.sku}))
    reached = {"price": 1, "quantity": 1, "position": shop_client.position}
    done = asyncio.Event()

    async def reads() -> int:
        answers = 0
        while not done.is_set():
            known = dict(reached)
            headers = {"Min-Position": str(known["position"]), "Prefer": "wait=5"}
            line = (await ann.request("GET", "/v1/cart", headers=headers)).json()["lines"][0]
            assert line["unit_price"]["amount"] >= known["price"]
            assert line["quantity"] >= known["quantity"]
            answers += 1
            await asyncio.sleep(0)
        return answers

    readers = [asyncio.create_task(reads()) for _ in range(4)]
    for step in range(2, 25):
        await _write(ann, staff, product.sku, step)
        reached.update(price=step, quantity=step, position=shop_client.position)
    done.set()
    assert min(await asyncio.gather(*readers)) > 3


async def _write(ann: Caller, staff: Caller, sku: str, amount: int) -> None:
    await staff.request("PUT", f"/v1/variants/{sku}/price", json={"amount": amount, "currency": "USD"})
    created(await ann.post("/v1/cart/lines", {"sku": sku}))


async def test_a_late_reader_cannot_bring_an_old_cart_back(shop_client: ShopClient) -> None:
    product, ann = await shop_client.product(), await shop_client.customer()
    created(await ann.post("/v1/cart/lines", {"sku": product.sku}))
    before, read_at = (await ann.get("/v1/cart")).json(), await shop_client.shop.store.head()
    created(await ann.post("/v1/cart/lines", {"sku": product.sku}))
    await ann.get("/v1/cart")
    await shop_client.shop.cache.put("user", f"{ann.user_id}:cart", read_at, b"2\n" + json.dumps(before).encode())
    assert (await ann.request("GET", "/v1/cart")).json()["lines"][0]["quantity"] == 2
