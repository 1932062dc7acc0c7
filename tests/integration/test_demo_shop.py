"""What a development shop starts with: an empty store is filled, once, and any other is left alone."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path

import pytest

from api.demo_shop import demo_users, fill_if_empty
from api.wiring import Shop, open_shop
from commands.category import CreateCategory
from events.values import CategoryId
from infrastructure.complete_journey.sample import demo_history
from infrastructure.settings import Settings
from tests.e2e.shop_client import settings_for
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

CUT_SHORT_AT = 500


@pytest.fixture
def settings(own_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path) -> Settings:
    return settings_for(own_database_url, redis_url, key_prefix, tmp_path)


async def _filled(shop: Shop) -> int:
    assert await fill_if_empty(shop)
    return await shop.store.head()


async def test_filling_happens_once_and_its_users_can_sign_in(settings: Settings) -> None:
    async with open_shop(settings) as shop:
        facts = await _filled(shop)
        assert not await fill_if_empty(shop)
        assert await shop.store.head() == facts
        users = await demo_users(shop)
        assert [user.role for user in users] == ["admin", "staff", "customer"]
        for user in users:
            assert await shop.accounts.check(user.email, user.password) == (user.user_id, user.user_id)


async def test_filling_that_was_cut_short_goes_on_where_it_stopped(settings: Settings) -> None:
    async with open_shop(settings) as shop:
        filling = asyncio.create_task(fill_if_empty(shop))
        while await shop.store.head() < CUT_SHORT_AT:
            assert not filling.done()
            await asyncio.sleep(0)
        filling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await filling
        assert [user.role for user in await demo_users(shop)] == ["admin"]
    async with open_shop(settings) as shop:
        facts = await _filled(shop)
        assert [user.role for user in await demo_users(shop)] == ["admin", "staff", "customer"]
        lives = Counter(str(fact.originator_id) for fact in await shop.store.stored_all(0, limit=facts))
        sold = [basket for basket in demo_history().baskets() if basket.lines]
        assert [facts for stream, facts in lives.items() if stream.startswith("order-")] == [5] * len(sold)


async def test_a_store_with_something_else_in_it_is_left_alone(settings: Settings) -> None:
    async with open_shop(settings) as shop:
        await shop.handler(CreateCategory(CategoryId("cat_1"), "mugs", "Mugs"))
        assert not await fill_if_empty(shop)
        assert await shop.store.head() == 2
        assert await demo_users(shop) == []
