"""The shop behind a real pgbouncer in transaction mode: everything but what needs a session goes through it."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.progress import caught_up
from api.wiring import open_shop
from events.store import Append, IdempotencyKey
from infrastructure.committer import Committer
from infrastructure.database import NoSession, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import Positions
from infrastructure.rebuild import rebuild
from infrastructure.settings import Settings
from projections import PROJECTIONS
from tests.e2e.serving import Listener, serving
from tests.e2e.shop_client import ShopClient, settings_for
from tests.integration.book import flaws
from tests.pgbouncer import SERVER_CONNECTIONS, PgBouncer, in_front
from tests.store_contract import claim, name, stream
from tests.waiting import eventually

__all__ = ["name"]


@pytest.fixture(scope="module")
def bouncer(database_url: str) -> Iterator[PgBouncer]:
    with in_front(database_url) as bouncer:
        yield bouncer


@pytest.fixture(scope="module")
def pooled_url(bouncer: PgBouncer, database_url: str) -> str:
    return bouncer.url(database_url)


@pytest.fixture(scope="module")
def settings(
    pooled_url: str, database_url: str, redis_url: str, key_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    settings = settings_for(pooled_url, redis_url, key_prefix, tmp_path_factory.mktemp("data"))
    return settings.model_copy(update={"database_direct_url": SecretStr(database_url), "pool_size": 20})


async def test_an_order_lives_is_projected_told_of_and_replayed(shop_client: ShopClient) -> None:
    staff, customer = await shop_client.staff(), await shop_client.sign_up()
    product = await shop_client.product(price=1_999, stock=10)
    order_id = await shop_client.paid_order(customer, {product.sku: 2})
    shipped = await staff.post(f"/v1/orders/{order_id}/ship", {"carrier": "DHL", "tracking": "1"})
    assert shipped.status_code == 200, shipped.text
    assert (await staff.post(f"/v1/orders/{order_id}/complete")).status_code == 200
    order = (await customer.get(f"/v1/orders/{order_id}")).json()
    assert (order["status"], order["total"]["amount"]) == ("COMPLETED", 3_998)
    history = (await customer.get(f"/v1/orders/{order_id}/history")).json()["data"]
    assert [step["type"] for step in history][:1] + [step["type"] for step in history][-1:] == [
        "OrderPlaced",
        "OrderCompleted",
    ]
    assert (await customer.get(f"/v1/orders/{order_id}", version=1)).json()["status"] == "PENDING"
    level = (await staff.get(f"/v1/stock/{product.sku}")).json()
    assert (level["on_hand"], level["reserved"]) == (8, 0)
    sales = await staff.get("/v1/reports/sales", group_by="week")
    assert sales.status_code == 200 and sales.json()["data"], sales.text


async def test_many_at_once_share_few_sessions_and_sell_what_there_is(
    shop_client: ShopClient, database_url: str
) -> None:
    product = await shop_client.product(stock=20)
    buyers = [await shop_client.customer() for _ in range(30)]

    async def buy(buyer: Any) -> int:
        await buyer.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
        answers = [await buyer.post("/v1/orders")]
        answers += await asyncio.gather(*(buyer.get("/v1/products", limit=3) for _ in range(5)))
        assert {answer.status_code for answer in answers[1:]} == {200}
        return int(answers[0].status_code)

    assert Counter(await asyncio.gather(*map(buy, buyers))) == {201: 20, 409: 10}
    connection = await connect(database_url)
    mine = "SELECT application_name, count(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1"
    sessions = dict(map(tuple, await connection.fetch(mine)))
    await connection.close()
    direct = 3  # the committer, the listener, and the one that asks
    assert sessions["daybook"] <= SERVER_CONNECTIONS + direct


async def test_the_live_feed_hears_of_what_another_process_writes(settings: Settings) -> None:
    async with serving(settings) as (client, _), open_shop(settings) as other:
        admin = await client.admin()
        position = await other.store.head()
        listener = Listener(admin, client.http, after=position)
        listening = asyncio.create_task(listener.until(position + 1))
        await eventually(lambda: _listens(client))
        await other.store.append(Append([claim(secrets.token_hex(8))]))
        await listening
    assert listener.positions == [position + 1]


async def _listens(client: ShopClient) -> bool:
    return client.shop.tail.listeners > 0


async def test_a_rebuild_comes_out_the_same(shop_client: ShopClient) -> None:
    shop = shop_client.shop
    for projection in PROJECTIONS:
        rebuilt = await rebuild(shop.pool, shop.store, projection, owner="rebuild", compare=True)
        assert (rebuilt.different, rebuilt.parked) == (0, 0), projection.name


async def test_appends_through_it_from_two_processes_happen_once_and_leave_no_flaws(
    pooled_url: str, database_url: str, name: str
) -> None:
    """The shop appends directly; where somebody appends through a pooler, it is right as well."""
    asked = [Append([claim(name, str(n))], key=IdempotencyKey(f"{name}{n}", b"hash")) for n in range(200)]
    through = partial(connect, pooled_url, pooled=True)
    async with open_pool(pooled_url, 5, pooled=True) as pool, Committer(through) as one, Committer(through) as two:
        stores = [PostgresEventStore(pool, committer, Positions()) for committer in (one, two)]
        answers = await asyncio.gather(*(store.append(append) for append in asked for store in stores))
        stored = await stores[0].versions([stream(name)])
    assert stored == {stream(name): 200}
    assert sum(answer.replayed is None for answer in answers) == 200
    assert await flaws(database_url) == []


async def test_when_it_is_killed_under_load_readers_notice_nothing_and_no_order_is_placed_twice(
    shop_client: ShopClient, bouncer: PgBouncer, database_url: str
) -> None:
    product = await shop_client.product(stock=100_000)
    assert (await shop_client.guest().get(f"/v1/products/{product.slug}")).status_code == 200
    buyers = [await shop_client.customer() for _ in range(6)]
    placed: list[str] = []
    reads: Counter[int] = Counter()
    done = asyncio.Event()

    async def order(buyer: Any) -> None:
        while not done.is_set():
            assert (await _insist(buyer, "/v1/cart/lines", {"sku": product.sku, "quantity": 1})).is_success
            answer = await _insist(buyer, "/v1/orders", {})
            assert answer.status_code == 201, answer.text
            placed.append(answer.json()["order_id"])

    async def look() -> None:
        while not done.is_set():
            reads[(await shop_client.guest().request("GET", "/v1/categories")).status_code] += 1  # products are cached
            reads[(await buyers[0].request("GET", "/v1/orders?limit=2")).status_code] += 1
            await asyncio.sleep(0)

    async def much_is_done() -> bool:
        assert not any(task.done() for task in load), "nobody is turned away"
        return reads[200] > 50 and len(placed) > 10

    load = [asyncio.create_task(each) for each in (*map(order, buyers), look(), look())]
    for _ in range(3):
        await asyncio.sleep(0.5)
        bouncer.kill()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(bouncer.start)
    await eventually(much_is_done)
    done.set()
    await asyncio.gather(*load)
    assert set(reads) == {200}, reads
    assert len(placed) == len(set(placed))
    await caught_up(shop_client.shop, 10)
    staff = await shop_client.staff()
    level = (await staff.get(f"/v1/stock/{product.sku}")).json()
    assert level["reserved"] == len(placed)
    assert await flaws(database_url) == []


async def _insist(buyer: Any, path: str, body: Any) -> httpx.Response:
    """As a good client: the same key again, as long as it is told to come back."""
    key = secrets.token_hex(8)
    while True:
        answer: httpx.Response = await buyer.post(path, body, key=key)
        if answer.status_code != 503:
            return answer
        await asyncio.sleep(0.05)


async def test_alone_in_the_settings_it_is_refused_with_a_word_on_what_to_set(settings: Settings) -> None:
    with pytest.raises(NoSession, match="DATABASE_DIRECT_URL"):
        async with open_shop(settings.model_copy(update={"database_direct_url": None})):
            pass
