"""A cart in Redis that has been overtaken is shown to nobody who has heard of the change, told or not."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, ShopClient, created, open_client
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(shop_client: ShopClient, settings: Settings) -> AsyncIterator[ShopClient]:
    """Another process, which projects nothing."""
    async with open_client(settings.model_copy(update={"workers_in_process": False})) as client:
        yield client


async def test_of_a_cart_that_has_changed_the_old_entry_is_not_shown_though_redis_was_never_told(
    shop_client: ShopClient, other: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, ann = await shop_client.product(), await shop_client.customer()
    there = Caller(other)
    there.headers = ann.headers
    other.position = shop_client.position
    assert (await there.get("/v1/cart")).json()["lines"] == []

    async def untold() -> None: ...

    monkeypatch.setattr(shop_client.shop.cache, "tell", untold)
    created(await ann.post("/v1/cart/lines", {"sku": product.sku}))

    async def heard() -> bool:
        return other.shop.positions["cart"] >= shop_client.position

    await eventually(heard)
    held = await other.shop.cache.get("user", f"{ann.user_id}:cart")
    assert held is not None, "the old one, which the worker would have dropped"
    assert len((await there.request("GET", "/v1/cart")).json()["lines"]) == 1
