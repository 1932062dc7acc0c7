"""Products through Redis: quick when it is there, right in any case."""

import json

import pytest
from pydantic import SecretStr

from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, Product, ShopClient, open_client
from tests.integration.test_cache import free_port
from tests.waiting import eventually


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    """Without the nearer cache, which is in front of Redis: see test_warm.py."""
    return settings.model_copy(update={"near_cache_mb": 0})


def _price(answer_body: dict[str, object]) -> object:
    return answer_body["variants"][0]["prices"][0]["amount"]  # type: ignore[index]


async def _reprice(client: ShopClient, product: Product, amount: int) -> int:
    staff = await client.staff()
    answer = await staff.request("PUT", f"/v1/variants/{product.sku}/price", json={"amount": amount, "currency": "USD"})
    return int(answer.headers["Commit-Position"])


async def test_the_second_reader_is_served_from_redis(shop_client: ShopClient) -> None:
    """Told by an entry that nobody but this test could have made. Redis may be slow, and then it is not asked."""
    product = await shop_client.product()
    guest, path = shop_client.guest(), f"/v1/products/{product.product_id}"
    first = await guest.get(path)

    async def kept() -> bool:
        again = await guest.request("GET", path)
        held = await shop_client.shop.cache.get("product", product.product_id)
        return held is not None and again.content == held[1].partition(b"\n")[2] == first.content

    await eventually(kept)
    position = await shop_client.shop.store.head()
    entry = f"{first.json()['version']} active\n".encode() + b'{"marked":true}'
    served = []

    async def from_redis() -> bool:
        await shop_client.shop.cache.put("product", product.product_id, position, entry)
        served.append(await guest.request("GET", path))
        return bool(served[-1].json() == {"marked": True})

    await eventually(from_redis)
    assert served[-1].headers["ETag"] == first.headers["ETag"]
    assert int(served[-1].headers["Projection-Position"]) == position
    await shop_client.customer()  # something else has happened since, and the product is what it was
    wish = {"Min-Position": str(position + 1), "Prefer": "wait=5"}
    newer = await guest.request("GET", path, headers=wish)
    assert int(newer.headers["Projection-Position"]) > position
    wish["Min-Position"] = str(await _reprice(shop_client, product, 7))
    assert _price((await guest.request("GET", path, headers=wish)).json()) == 7


async def test_a_change_is_seen_at_once_by_whoever_asks_for_it(shop_client: ShopClient) -> None:
    product = await shop_client.product(price=1)
    guest, path = shop_client.guest(), f"/v1/products/{product.product_id}"
    for amount in range(2, 12):
        await guest.get(path)
        position = await _reprice(shop_client, product, amount)
        answer = await guest.request("GET", path, headers={"Min-Position": str(position), "Prefer": "wait=5"})
        assert _price(answer.json()) == amount


async def test_a_reader_who_was_overtaken_by_a_change_cannot_bring_the_old_price_back(shop_client: ShopClient) -> None:
    product = await shop_client.product(price=1)
    guest, path, cache = shop_client.guest(), f"/v1/products/{product.product_id}", shop_client.shop.cache
    before = (await guest.get(path)).json()
    read_at = await shop_client.shop.store.head()
    old_entry = f"{before['version']} active\n".encode() + json.dumps(before).encode()
    await _reprice(shop_client, product, 2)
    assert _price((await guest.get(path)).json()) == 2
    await cache.put("product", product.product_id, read_at, old_entry)
    assert _price((await guest.request("GET", path)).json()) == 2


async def test_without_redis_every_answer_is_right(shop_client: ShopClient, settings: Settings) -> None:
    nowhere = settings.model_copy(update={"redis_url": SecretStr(f"redis://127.0.0.1:{free_port()}/0")})
    async with open_client(nowhere) as client:
        product = await client.product(price=5)
        guest = client.guest()
        for amount in (6, 7, 8):
            await _reprice(client, product, amount)
            assert _price((await guest.get(f"/v1/products/{product.product_id}")).json()) == amount
        ready = await Caller(client).get("/health/ready")
        assert (ready.status_code, ready.json()["redis"]) == (200, "away")
        ann = await client.customer()
        order_id = await client.paid_order(ann, {product.sku: 1})
        assert (await ann.get(f"/v1/orders/{order_id}")).json()["status"] == "PAID"
