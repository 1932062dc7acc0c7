"""Far more shoppers than units, at two processes at once: how soon everybody has an answer."""

import asyncio
import secrets
import time
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from statistics import median

from benchmarks.checkouts import CURRENCY, HOME, METHOD, expect, serving, stock_the_shop
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.http import Connection, connected
from commands.category import CreateCategory
from commands.handler import Handler
from commands.product import CreateProduct, PublishProduct
from commands.stock import ReceiveStock, stocks
from commands.variant import AddVariant
from events.values import DEFAULT_LOCATION, CategoryId, Money, ProductId, Sku
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.ids import new_id
from infrastructure.positions import Positions

SHOPPERS, UNITS = 500, 100
AIM_S = 3
PEER = "no peer in the same run"


async def measure(ground: Ground) -> list[Figure]:
    took_s: list[float] = []
    async with ground.database() as url:
        await stock_the_shop(url)
        with serving(ground, url) as one, serving(ground, url) as other:
            for _ in range(ground.runs):
                sku = await _put_on_sale(url)
                took_s.append(await _rush(sku, (one, other)))
                await _check(url, sku)
    return [Figure("hot_checkout", "s", median(took_s), PEER, None, Aim("value", "<=", AIM_S))]


async def _put_on_sale(url: str) -> Sku:
    tag = secrets.token_hex(4)
    sku, category_id, product_id = Sku(f"HOT-{tag}"), CategoryId(new_id("cat")), ProductId(new_id("prd"))
    async with open_pool(url, 2) as pool, Committer(partial(connect, url)) as committer:
        await Handler(PostgresEventStore(pool, committer, Positions()))(
            CreateCategory(category_id, f"hot-{tag}", "Hot"),
            CreateProduct(product_id, f"hot-{tag}", "Hot", category_id),
            AddVariant(product_id, sku, Money(4_900, CURRENCY)),
            PublishProduct(product_id),
            ReceiveStock(sku, UNITS),
        )
    return sku


async def _rush(sku: Sku, ports: tuple[int, ...]) -> float:
    """From the first request to the last answer, in s."""
    async with AsyncExitStack() as stack:
        guests = [
            await stack.enter_async_context(connected("127.0.0.1", ports[number % len(ports)]))
            for number in range(SHOPPERS)
        ]
        began = time.perf_counter()
        outcomes = Counter(await asyncio.gather(*(_shop(guest, sku) for guest in guests)))
        took_s = time.perf_counter() - began
    if outcomes != {"PAID": UNITS, "out_of_stock": SHOPPERS - UNITS}:
        raise RuntimeError(f"of {UNITS} units: {outcomes}")
    return took_s


async def _shop(guest: Connection, sku: Sku) -> str:
    """What became of it: the order's status, or the code of the refusal."""
    filled = expect(201, await guest.request("POST", "/v1/cart/lines", {"sku": sku, "quantity": 1}))
    known = partial(guest.request, X_Cart_Token=filled.headers["x-cart-token"])
    wish = {
        "currency": CURRENCY,
        "ship_to": HOME,
        "shipping_method": METHOD.method_id,
        "email": f"{secrets.token_hex(8)}@example.com",
    }
    placed = await known("POST", "/v1/orders", wish, Idempotency_Key=secrets.token_hex(16))
    if placed.status == 409:
        return str(placed.body["code"])
    path = f"/v1/orders/{expect(201, placed).body['order_id']}"
    once = {"Idempotency_Key": secrets.token_hex(16), "Prefer": "wait=5"}
    paying = expect(202, await known("POST", f"{path}/pay", {"method": "tok_approve"}, **once))
    seen = {"Min_Position": paying.headers["commit-position"], "Prefer": "wait=5"}
    while (status := str(expect(200, await known("GET", path, **seen)).body["status"])) == "PENDING":
        await asyncio.sleep(0.01)
    return status


async def _check(url: str, sku: Sku) -> None:
    """By the facts: as many units are reserved as there were."""
    async with open_pool(url, 1) as pool, Committer(partial(connect, url)) as committer:
        stock = await Handler(PostgresEventStore(pool, committer, Positions())).read(stocks(sku, DEFAULT_LOCATION))
    if (stock.on_hand, stock.available) != (UNITS, 0):
        raise RuntimeError(f"{stock}")
