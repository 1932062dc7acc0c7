"""Whole orders over HTTP, from the first cart line to paid, beside the bare framework answering a POST."""

import asyncio
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from statistics import median

from benchmarks.children import child, environment
from benchmarks.figures import Figure
from benchmarks.ground import Ground
from benchmarks.http import Answer, Connection, connected
from benchmarks.load import Load, under_load
from commands.category import CreateCategory
from commands.handler import Handler
from commands.product import AddVariant, CreateProduct, PublishProduct
from commands.stock import ReceiveStock
from events.values import CategoryId, Money, ProductId, Sku
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.ids import new_id
from infrastructure.positions import Positions

SHOPPERS = 64
ARTICLES = 200
UNITS = 1_000_000
CURRENCY = "EUR"
PASSWORD = "correct horse 9"
POLL_S = 0.01
PEER = "bare FastAPI: one POST with a validated body, same server settings, requests/s"


async def measure(ground: Ground) -> list[Figure]:
    """64 shoppers, each with a connection kept alive, against one process of `daybook serve`."""
    orders: list[Load] = []
    requests: list[float] = []
    bare: list[Load] = []
    async with ground.database() as url:
        await stock_the_shop(url)
        with _service(ground, url) as port, bare_service(ground) as bare_port:
            tokens = await asyncio.gather(*(signed_in(port) for _ in range(SHOPPERS)))
            for run in range(ground.runs):
                load, per_s = await _orders(port, tokens, ground.seconds, first=run * 97)
                orders.append(load)
                requests.append(per_s)
                bare.append(await bare_posts(bare_port, ground.seconds))
    rate, limit = median(load.per_s for load in orders), median(load.per_s for load in bare)
    p99, limit_p99 = median(load.p99_ms for load in orders), median(load.p99_ms for load in bare)
    return [
        Figure("orders_http", "orders/s", rate, PEER, limit),
        Figure("orders_http_p99", "ms", p99, PEER.replace("requests/s", "one request"), limit_p99),
        Figure("orders_http_requests", "requests/s", median(requests), PEER, limit),
    ]


async def stock_the_shop(url: str) -> None:
    async with open_pool(url, 2) as pool, Committer(partial(connect, url)) as committer:
        handler = Handler(PostgresEventStore(pool, committer, Positions()))
        category_id = CategoryId(new_id("cat"))
        await handler(CreateCategory(category_id, "everything", "Everything"))
        for number in range(ARTICLES):
            product_id = ProductId(new_id("prd"))
            await handler(
                CreateProduct(product_id, f"article-{number}", f"Article {number}", category_id),
                AddVariant(product_id, sku(number), Money(1_999, CURRENCY)),
                PublishProduct(product_id),
                ReceiveStock(sku(number), UNITS),
            )


async def _orders(port: int, tokens: Sequence[str], seconds: float, *, first: int) -> tuple[Load, float]:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected("127.0.0.1", port)) for _ in tokens]
        numbers = [first + number * 31 for number in range(SHOPPERS)]

        async def order(number: int) -> None:
            numbers[number] += 1
            await _one_order(connections[number], tokens[number], numbers[number])

        with rarely_collected():
            started = time.perf_counter()
            load = await under_load(SHOPPERS, seconds, order)
            return load, sum(each.requests for each in connections) / (time.perf_counter() - started)


async def _one_order(connection: Connection, token: str, number: int) -> None:
    """Two articles into the cart, order, pay, and ask until it is paid."""
    signed_in = partial(connection.request, Authorization=token)
    for step in (0, 1):
        article = sku((number * 2 + step) % ARTICLES)
        expect(201, await signed_in("POST", "/v1/cart/lines", {"sku": article, "quantity": 1}))
    wish = {"currency": CURRENCY}
    placed = expect(201, await signed_in("POST", "/v1/orders", wish, Idempotency_Key=secrets.token_hex(16)))
    path, payment = f"/v1/orders/{placed.body['order_id']}", {"method": "tok_approve"}
    once = {"Idempotency_Key": secrets.token_hex(16), "Prefer": "wait=5"}
    paying = expect(202, await signed_in("POST", f"{path}/pay", payment, **once))
    seen = {"Min_Position": paying.headers["commit-position"], "Prefer": "wait=5"}
    while expect(200, await signed_in("GET", path, **seen)).body["status"] != "PAID":
        await asyncio.sleep(POLL_S)


async def signed_in(port: int) -> str:
    """The header of someone who has registered and signed in."""
    async with connected("127.0.0.1", port) as connection:
        email = f"{secrets.token_hex(8)}@example.com"
        expect(201, await connection.request("POST", "/v1/auth/register", {"email": email, "password": PASSWORD}))
        form = f"username={email}&password={PASSWORD.replace(' ', '+')}".encode()
        kind = "application/x-www-form-urlencoded"
        token = expect(200, await connection.request("POST", "/v1/auth/login", form, Content_Type=kind))
        return f"Bearer {token.body['access_token']}"


async def bare_posts(port: int, seconds: float) -> Load:
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(connected("127.0.0.1", port)) for _ in range(SHOPPERS)]

        async def post(number: int) -> None:
            expect(201, await callers[number].request("POST", "/v1/cart/lines", {"sku": sku(number), "quantity": 1}))

        with rarely_collected():
            return await under_load(SHOPPERS, seconds, post)


@contextmanager
def _service(ground: Ground, url: str) -> Iterator[int]:
    """The port of `daybook serve`, with projections and policies in the same process, as it is by default."""
    with child("api.cli", "serve", "--port", "0", env=environment(ground, url)) as serving:
        yield serving.port_said()


@contextmanager
def bare_service(ground: Ground) -> Iterator[int]:
    with child("benchmarks.bare_service", env=environment(ground, ground.database_url)) as serving:
        yield serving.port_said()


def sku(number: int) -> Sku:
    return Sku(f"BENCH-{number:04d}")


def expect(status: int, answer: Answer) -> Answer:
    if answer.status != status:
        raise RuntimeError(f"expected {status}, got {answer.status}: {answer.body}")
    return answer
