"""A read table that was replaced or mended is what readers see at once, from Redis and from memory too."""

import asyncio
from typing import Any

import pytest

from infrastructure import parking
from infrastructure.leases import interrupt
from infrastructure.rebuild import rebuild, roll_back
from infrastructure.settings import Settings
from projections import PROJECTIONS
from queries import product as products
from tests.e2e.shop_client import Product, ShopClient
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE

TABLES = {each.name: each for each in PROJECTIONS}
WRONG = "Not what the facts say"


@pytest.fixture(scope="module", params=[0, 64], ids=["Redis alone", "memory and Redis"])
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    return settings.model_copy(update={"near_cache_mb": request.param})


async def _rebuild(client: ShopClient, name: str) -> None:
    known = client.shop.near.generation
    await rebuild(client.shop.pool, client.shop.store, TABLES[name], owner="a test")
    await _heard(client, known)


async def _heard(client: ShopClient, known: int) -> None:
    async def heard() -> bool:
        return client.shop.near.generation > known

    await eventually(heard)


async def _spoil(client: ShopClient, product: Product) -> None:
    await client.guest().get("/v1/products")  # what was written before is in the tables
    for table in ("product", "listing"):
        await client.shop.pool.execute(f"UPDATE {table} SET name = $1 WHERE product_id = $2", WRONG, product.product_id)


def _name(answer: Any) -> Any:
    body = answer.json()
    return body["data"][0]["name"] if "data" in body else body["name"]


async def _warmed(client: ShopClient, path: str) -> Any:
    """What guests are shown, from a cache by now."""
    await asyncio.sleep(0.05)
    for _ in range(4):
        name = _name(await client.guest().get(path))
    return name


async def test_after_a_rebuild_no_cache_shows_the_old_table(shop_client: ShopClient) -> None:
    product = await shop_client.product()
    right = f"Product {product.slug.removeprefix('product-')}"
    pages = {"product": f"/v1/products/{product.product_id}", "listing": f"/v1/products?q={product.sku}"}
    await _spoil(shop_client, product)
    assert [await _warmed(shop_client, page) for page in pages.values()] == [WRONG, WRONG]
    for name, page in pages.items():
        await _rebuild(shop_client, name)
        await _rebuild(shop_client, "product")  # lists show its rows
        assert _name(await shop_client.guest().get(page)) == right
    known = shop_client.shop.near.generation
    await roll_back(shop_client.shop.pool, shop_client.shop.store, TABLES["product"])
    await _heard(shop_client, known)
    assert _name(await shop_client.guest().get(pages["product"])) == right


async def test_a_reader_who_was_overtaken_by_a_rebuild_cannot_bring_the_old_row_back(
    shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = await shop_client.product()
    page = f"/v1/products/{product.product_id}"
    await _spoil(shop_client, product)
    has_read, may_go_on, read = asyncio.Event(), asyncio.Event(), products.product

    async def slow(*arguments: Any, **named: Any) -> Any:
        found = await read(*arguments, **named)
        has_read.set()
        await may_go_on.wait()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(products, "product", slow)
        overtaken = asyncio.create_task(shop_client.guest().request("GET", page))
        await has_read.wait()
    await _rebuild(shop_client, "product")
    async with asyncio.timeout(60):
        newer = await shop_client.guest().request("GET", page)  # does not wait for the one before
    may_go_on.set()
    assert (_name(await overtaken), _name(newer) == WRONG) == (WRONG, False)
    assert await _warmed(shop_client, page) != WRONG


async def test_readers_race_with_rebuilds(shop_client: ShopClient) -> None:
    product = await shop_client.product()
    page, done = f"/v1/products/{product.product_id}", asyncio.Event()

    async def reads() -> None:
        while not done.is_set():
            await shop_client.guest().request("GET", page)
            await asyncio.sleep(0)  # memory answers without waiting for anything

    readers = [asyncio.create_task(reads()) for _ in range(4)]
    for _ in range(5):
        await _spoil(shop_client, product)
        await asyncio.sleep(0.05)
        await _rebuild(shop_client, "product")
        assert _name(await shop_client.guest().request("GET", page)) != WRONG
        assert await _warmed(shop_client, page) != WRONG
    done.set()
    await asyncio.gather(*readers)


async def test_a_parked_fact_that_is_taken_up_again_is_seen_at_once(shop_client: ShopClient) -> None:
    """The row lacks what is parked; as it is told here, the price."""
    product = await shop_client.product(price=100)
    page, pool = f"/v1/products/{product.product_id}", shop_client.shop.pool
    assert (await shop_client.guest().get(page)).json()["variants"][0]["prices"][0]["amount"] == 100
    staff = await shop_client.staff()
    key = f'["{product.product_id}"]'
    version = (await staff.get(page)).json()["version"]
    # As a projector does that cannot take it: the key waits with all that follows.
    async with pool.acquire() as connection, connection.transaction():
        await interrupt(connection, "product")
        await connection.execute(
            "INSERT INTO parked (projection, key, position, stream, version, type, error)"
            " VALUES ('product', $1, 1, 'stock-none', 1, 'StockReceived', 'for a test')",
            key,
        )
    new_price = {"amount": 200, "currency": "USD"}
    await staff.request("PUT", f"/v1/variants/{product.sku}/price", json=new_price)
    for _ in range(3):
        stale = (await shop_client.guest().get(page)).json()
    assert (stale["version"], stale["variants"][0]["prices"][0]["amount"]) == (version, 100)
    known = shop_client.shop.near.generation
    first = await pool.fetchval("DELETE FROM parked WHERE error = 'for a test' RETURNING id")
    waiting = await pool.fetchval("SELECT id FROM parked WHERE key = $1 AND id <> $2", key, first)
    await parking.retry(pool, shop_client.shop.store, waiting)
    await _heard(shop_client, known)
    assert (await shop_client.guest().request("GET", page)).json()["variants"][0]["prices"][0]["amount"] == 200
