"""A Redis that is full or slow: every answer is right, and things are as before once it is well again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import redis.asyncio
from pydantic import SecretStr

from infrastructure import cache as caching
from infrastructure.embedded.sharing import shared
from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, Product, ShopClient, created, open_client
from tests.kinds import EMBEDDED_ALONE
from tests.relay import Relay, relay
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE


@pytest.fixture(scope="module", autouse=True)
def impatient(redis_timeout_s: float) -> Iterator[None]:
    """As in production: a Redis that is too slow is gone on without."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(caching, "TIMEOUT_S", redis_timeout_s)
        yield


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that nobody else uses, so it may be filled up."""
    with shared("valkey", tmp_path_factory.mktemp("redis"), throwaway=True) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def between(own_redis: str) -> AsyncIterator[Relay]:
    async with relay(own_redis) as opened:
        yield opened


@pytest.fixture(scope="module", params=[0, 64], ids=["Redis alone", "memory and Redis"])
def settings(settings: Settings, between: Relay, request: pytest.FixtureRequest) -> Settings:
    url = SecretStr(f"redis://127.0.0.1:{between.port}/0")
    return settings.model_copy(update={"redis_url": url, "near_cache_mb": request.param})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(shop_client: ShopClient, settings: Settings) -> AsyncIterator[ShopClient]:
    """Another process, which learns from the first one's projector what has changed."""
    async with open_client(settings.model_copy(update={"workers_in_process": False})) as client:
        yield client


async def _answers_are_right(client: ShopClient, other: ShopClient, product: Product, ann: Caller) -> None:
    """Who asks for what was written gets it, in both processes; who asks for nothing gets it within a moment."""
    staff, path = await client.staff(), f"/v1/products/{product.product_id}"
    pages = (path, f"/v1/products?q={product.sku}")
    for amount in range(2, 7):
        await staff.request("PUT", f"/v1/variants/{product.sku}/price", json={"amount": amount, "currency": "USD"})
        created(await ann.post("/v1/cart/lines", {"sku": product.sku}))
        other.position = client.position
        for page in pages:
            answers = [await each.guest().get(page) for each in (client, other)]
            assert [_amount(answer) for answer in answers] == [amount, amount]
        line = (await ann.get("/v1/cart")).json()["lines"][0]
        assert line["unit_price"]["amount"] == amount

        async def shown() -> bool:
            answers = [await each.guest().request("GET", page) for each in (client, other) for page in pages]
            return all(_amount(answer) == amount for answer in answers)  # noqa: B023

        await eventually(shown)


def _amount(answer: Any) -> int:
    body = answer.json()
    product = body["data"][0] if "data" in body else body
    return int(product["variants"][0]["prices"][0]["amount"])


async def _is_used_again(client: ShopClient, product: Product) -> None:
    async def kept() -> bool:
        await (await client.customer()).get(f"/v1/products/{product.product_id}")
        return await client.shop.cache.get("product", product.product_id) is not None

    await eventually(kept)


async def test_a_full_redis(shop_client: ShopClient, other: ShopClient, own_redis: str) -> None:
    product, ann = await shop_client.product(price=1), await shop_client.customer()
    await _is_used_again(shop_client, product)
    async with redis.asyncio.Redis.from_url(own_redis) as client:
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", 1)
        try:
            await _answers_are_right(shop_client, other, product, ann)
            async with asyncio.timeout(60):  # nobody waits for a turn that could not be noted
                await asyncio.gather(*(shop_client.guest().get(f"/v1/products?limit={n}") for n in range(1, 21)))
        finally:
            await client.config_set("maxmemory", 0)
    await _is_used_again(shop_client, product)
    await _answers_are_right(shop_client, other, product, ann)


@pytest.mark.parametrize("delay_s", [0.05, 1.0])
async def test_a_slow_redis(shop_client: ShopClient, other: ShopClient, between: Relay, delay_s: float) -> None:
    """Slow, and slower than anyone waits for."""
    product, ann = await shop_client.product(price=1), await shop_client.customer()
    await _is_used_again(shop_client, product)
    between.delay_s = delay_s
    try:
        await _answers_are_right(shop_client, other, product, ann)
    finally:
        between.delay_s = 0.0
    await _is_used_again(shop_client, product)
    await _answers_are_right(shop_client, other, product, ann)
