"""The shop as it is put together keeps snapshots of long streams, and decides on them."""

import asyncio

import pytest

from commands.stock import Stock, stocks
from events.stock import StockReceived
from events.store import Append
from events.values import Sku
from infrastructure import snapshots
from infrastructure.snapshots import REPLAYED_MAX
from tests.e2e.shop_client import ShopClient
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

KEPT = "SELECT version FROM snapshots WHERE stream = $1"


async def test_the_shop_keeps_what_took_long_to_read(shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "WRITE_AFTER_S", 0)
    product = await shop_client.product(stock=0)
    shop, ref = shop_client.shop, stocks(product.sku, "main")
    await shop.store.append(Append([StockReceived(Sku(product.sku), 1)] * (REPLAYED_MAX + 1)))
    assert await shop.handler.read(ref) == Stock(REPLAYED_MAX + 1)
    async with asyncio.timeout(60):
        while await shop.pool.fetchval(KEPT, ref.stream) is None:
            await asyncio.sleep(0.01)
    assert await shop.handler.read(ref) == Stock(REPLAYED_MAX + 1)
