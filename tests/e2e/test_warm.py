"""Guests are served from memory, and never by it with something that they must not be served with any more."""

import asyncio
import gzip
from contextvars import ContextVar
from typing import Any

import pytest

from infrastructure.cache import RedisCache
from infrastructure.settings import Settings
from tests.e2e.shop_client import Product, ShopClient, open_client
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import PATIENCE_S, eventually

pytestmark = EMBEDDED_ALONE


async def _reprice(client: ShopClient, product: Product, amount: int) -> int:
    staff = await client.staff()
    answer = await staff.request("PUT", f"/v1/variants/{product.sku}/price", json={"amount": amount, "currency": "USD"})
    return int(answer.headers["Commit-Position"])


def _amount(product: Any) -> int:
    return int(product["variants"][0]["prices"][0]["amount"])


async def _warm(client: ShopClient, path: str) -> None:
    """Ask until the answer is in memory."""
    await client.guest().get(path)

    async def kept() -> bool:
        await client.guest().request("GET", path)
        return any(target[0] + "?" * bool(target[1]) + target[1].decode() == path for target in _held(client))

    await eventually(kept)


def _held(client: ShopClient) -> list[tuple[str, bytes]]:
    return list(client.shop.near._answers)


async def test_the_short_way_says_what_the_long_way_says(shop_client: ShopClient) -> None:
    """Token holders go the long way, so each answer can be had both ways."""
    product = await shop_client.product()
    ann, guest = await shop_client.customer(), shop_client.guest()
    for path in (f"/v1/products/{product.product_id}", f"/v1/products/{product.slug}", "/v1/products?limit=1"):
        await _warm(shop_client, path)
        for headers in ({}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}):
            short = await guest.request("GET", path, headers=headers)
            long = await ann.request("GET", path, headers=headers)
            assert (short.status_code, short.content) == (long.status_code, long.content)
            differ = {name for name, _ in set(short.headers.items()) ^ set(long.headers.items())}
            counted = {"ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"}  # another caller, another bucket
            assert differ <= {"request-id", "projection-position", "content-length", *counted}, (path, headers)
            assert counted <= set(short.headers)
        known = {"If-None-Match": short.headers["ETag"]}
        for caller in (guest, ann):
            again = await caller.request("GET", path, headers=known)
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", short.headers["ETag"])
        head = await guest.request("HEAD", path)
        assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", short.headers["ETag"])
        assert short.headers["Request-Id"]
    assert "/v1/products/{id_or_slug}" in (await guest.get("/metrics")).text


async def test_a_long_list_is_compressed_once(shop_client: ShopClient) -> None:
    await shop_client.product()
    path = "/v1/products?limit=100&sort=-created_at"
    for _ in range(4):
        await shop_client.product()
    await _warm(shop_client, path)
    async with shop_client.http.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    plain = await shop_client.http.get(path, headers={"Accept-Encoding": "identity"})
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(raw) == plain.content
    assert len(raw) == int(answer.headers["Content-Length"]) < len(plain.content)


async def test_what_is_in_memory_is_for_guests_alone(shop_client: ShopClient) -> None:
    path = f"/v1/products/{(await shop_client.product()).product_id}"
    await _warm(shop_client, path)
    for headers, status in (
        ({"Authorization": "Bearer nonsense"}, 401),
        ({"Min-Position": "minus one"}, 422),
        ({"Min-Position": str(2**63)}, 422),
        ({"Min-Position": str(2**61), "Prefer": "wait=0"}, 503),
    ):
        answer = await shop_client.guest().request("GET", path, headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (await shop_client.guest().request("GET", path + "?x=1")).status_code == 422


async def test_what_staff_see_is_not_kept_for_guests(shop_client: ShopClient) -> None:
    draft = await shop_client.product(publish=False)
    staff, guest = await shop_client.staff(), shop_client.guest()
    for _ in range(2):
        assert (await staff.get(f"/v1/products/{draft.product_id}")).status_code == 200
        assert (await guest.get(f"/v1/products/{draft.product_id}")).status_code == 404
        asked = {"filter[category]": draft.category_id}
        assert len((await staff.get("/v1/products", **asked)).json()["data"]) == 1
        assert (await guest.get("/v1/products", **asked)).json()["data"] == []


async def test_readers_who_race_a_writer_never_get_less_than_they_ask_for(shop_client: ShopClient) -> None:
    """The price is the number of its change: whoever names a position must see that change or a later one. And once
    all is written, everyone sees the last price as soon as it has been heard of."""
    product = await shop_client.product(price=1)
    other = await shop_client.product(category_id=product.category_id)
    paths = [
        f"/v1/products/{product.product_id}",
        f"/v1/products/{product.slug}",
        f"/v1/products?filter[category]={product.category_id}&sort=created_at",
        "/v1/products?sort=created_at&q=" + product.slug.replace("-", " "),
    ]
    for path in paths:
        assert (await shop_client.guest().get(path)).status_code == 200
    written = [(await shop_client.shop.store.head(), 1)]
    reads, over = 0, False

    async def write() -> None:
        nonlocal over
        for amount in range(2, 60):
            written.append((await _reprice(shop_client, product, amount), amount))
            if amount % 3 == 0:
                await _reprice(shop_client, other, amount)
            await asyncio.sleep(0.005)
        over = True

    async def read(path: str, asks: bool) -> None:
        nonlocal reads
        guest, last = shop_client.guest(), 0
        while not over:
            position, amount = written[-1] if asks else (0, 0)
            wish = {"Min-Position": str(position), "Prefer": "wait=5"} if asks else {}
            answer = await guest.request("GET", path, headers=wish)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            found = next(each for each in body.get("data", [body]) if each["product_id"] == product.product_id)
            assert _amount(found) >= amount
            assert int(answer.headers["Projection-Position"]) >= position
            # What it says it stands for, it must also show.
            stands_for = int(answer.headers["Projection-Position"])
            shown = max((price for at, price in written if at <= stands_for), default=0)
            assert _amount(found) >= shown
            last, reads = max(last, _amount(found)), reads + 1
            await asyncio.sleep(0)

    await asyncio.gather(write(), *(read(path, asks) for path in paths for asks in (True, False)))
    assert reads > 100

    async def seen() -> bool:
        answers = [(await shop_client.guest().request("GET", path)).json() for path in paths]
        found = [each for body in answers for each in body.get("data", [body])]
        return all(_amount(each) == 59 for each in found if each["product_id"] == product.product_id)

    await eventually(seen)
    assert await seen()


async def test_a_cold_list_is_fetched_once_however_many_ask(
    shop_client: ShopClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one process and in another, which here is another app on the same database and Redis."""
    monkeypatch.setattr("infrastructure.answers.OTHERS_TURN_S", PATIENCE_S)  # whose turn it is may be slow
    await shop_client.product()
    asked: list[str] = []
    other_settings = settings.model_copy(update={"workers_in_process": False})
    async with open_client(other_settings) as other:
        path = f"/v1/products?limit=7&sort=name&filter[category]={(await shop_client.product()).category_id}"
        for client in (shop_client, other):
            client.position = shop_client.position
            await client.guest().get("/v1/products?limit=3")
            pool = client.shop.pool
            fetch = pool.fetch

            async def counted(query: str, *args: Any, fetch: Any = fetch) -> Any:
                if "FROM listing" in query:
                    asked.append(query)
                    await asyncio.sleep(0.1)  # long enough for everyone to come
                return await fetch(query, *args)

            pool.fetch = counted  # type: ignore[method-assign]
        try:
            guests = [client.guest() for client in (shop_client, other) for _ in range(20)]
            answers = await asyncio.gather(*(guest.request("GET", path) for guest in guests))
        finally:
            for client in (shop_client, other):
                del client.shop.pool.fetch
        assert len({answer.content for answer in answers}) == 1
        assert len(asked) == 1


@pytest.mark.parametrize("what", ["search", "product", "list"])
async def test_the_first_who_asks_for_what_is_quick_does_not_wait_for_redis(
    shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """And nearly nobody makes the same search again, so none is put there for the first."""
    product, ann, cache = await shop_client.product(), await shop_client.customer(), shop_client.shop.cache
    path, expected = {
        "search": (f"/v1/products?q={product.sku}", []),
        "product": (f"/v1/products/{product.product_id}", ["put"]),
        "list": (f"/v1/products?filter[category]={product.category_id}", ["look", "put"]),
    }[what]
    asked: list[str] = []

    def note(name: str) -> None:
        do = getattr(cache, name)

        def noted(*arguments: Any, **more: Any) -> Any:
            asked.append(name)
            return do(*arguments, **more)

        monkeypatch.setattr(cache, name, noted)

    note("look")
    note("put")
    await ann.get(path)
    await shop_client.shop.answers.close()  # what is put there is there by now
    assert asked == expected


async def test_a_redis_that_is_full_or_empty_again_changes_no_answer(shop_client: ShopClient) -> None:
    product = await shop_client.product(price=1)
    path = f"/v1/products?filter[category]={product.category_id}"
    cache: RedisCache = shop_client.shop.cache
    client = cache._client
    for amount in (2, 3, 4):
        position = await _reprice(shop_client, product, amount)
        names = [name async for name in client.scan_iter(match=f"{cache._prefix}*")]
        if names:
            await client.delete(*names)  # as a Redis that was restarted, or had to make room
        wish = {"Min-Position": str(position), "Prefer": "wait=5"}
        answer = await shop_client.guest().request("GET", path, headers=wish)
        assert _amount(answer.json()["data"][0]) == amount


async def test_a_list_is_one_statement(shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff's lists are never cached, so each of theirs asks the database."""
    product = await shop_client.product()
    staff, pool = await shop_client.staff(), shop_client.shop.pool
    await staff.get("/v1/products")
    asked: list[str] = []
    ours = ContextVar("ours", default=False)  # what goes on in the background does not count

    def counted(name: str) -> None:
        ask = getattr(pool, name)

        def counting(*args: Any) -> Any:
            if ours.get():
                asked.append(name)
            return ask(*args)

        monkeypatch.setattr(pool, name, counting)

    for name in ("fetch", "fetchrow", "fetchval", "acquire", "execute", "returning"):
        counted(name)
    ours.set(True)
    for query in (
        "limit=1",
        f"filter[category]={product.category_id}&facets=color,category,price&include=total",
        "q=product&facets=color,price&sort=price,-name&filter[in_stock]=true",
        "q=prodct",
    ):
        asked.clear()
        answer = await staff.request("GET", f"/v1/products?{query}")
        assert answer.status_code == 200, answer.text
        assert asked == ["fetch"], query
