"""Whole orders over HTTP, from the first cart line to paid, beside the bare framework answering a POST."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.children import child, environment, sandbox_gateway
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.growth import LARGE, QUICK_LARGE, grow
from benchmarks.http import Answer, Connection, connected
from benchmarks.load import WARM_UP_S, Load, summed_up, under_load
from commands.category import CreateCategory
from commands.handler import Handler
from commands.policy import POLICIES
from commands.product import CreateProduct, PublishProduct
from commands.shipping import SetShippingZone
from commands.stock import ReceiveStock
from commands.tax import SetTaxes
from commands.variant import AddVariant
from events.shipping import ShippingMethod
from events.tax import TaxRate
from events.values import CategoryId, Money, ProductId, Sku
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.ids import new_id
from infrastructure.positions import Positions
from projections import PROJECTIONS

SHOPPERS = 64
ARTICLES = 200
UNITS = 1_000_000
CURRENCY = "EUR"
PASSWORD = "correct horse 9"
LINES_MAX = 3
HOME = {"name": "Ann Lee", "line1": "High Street 1", "city": "Dublin", "postal_code": "D01", "country": "IE"}
METHOD = ShippingMethod("parcel", "Parcel", (Money(490, CURRENCY),), free_from=(Money(5_000, CURRENCY),))
POLL_S = 0.01
ORDERS_AIM, PLACE_P99_AIM_MS, GROWTH_AIM = 300, 50, 0.9
BEGIN_AT = """INSERT INTO projections (name, position) SELECT name, $2 FROM unnest($1::text[]) AS name
    ON CONFLICT (name) DO UPDATE SET position = $2"""
PEER = "bare FastAPI: one POST with a validated body, same server settings, requests/s"


_different = itertools.count(1).__next__


@dataclass(frozen=True, slots=True)
class Run:
    """Whole orders, and the requests that they took."""

    orders: Load
    requests_per_s: float


async def measure(ground: Ground) -> list[Figure]:
    """64 shoppers, each with a connection kept alive, against one process of `daybook serve` and one of `daybook
    worker`: first as fast as they can, then at half of that."""
    runs: list[Run] = []
    bare: list[Load] = []
    async with ground.database() as url:
        await stock_the_shop(url)
        with serving_with_worker(ground, url) as port, bare_service(ground) as bare_port:
            shoppers = await signed_in_shoppers(port)
            for _ in range(ground.runs):
                runs.append(await orders_under_load(port, shoppers, ground.seconds))
                bare.append(await bare_posts(bare_port, ground.seconds))
            per_s = median(run.orders.per_s for run in runs)
            placing = [await _placing_at(port, shoppers, per_s / 2, ground.seconds) for _ in range(ground.runs)]
    limit, limit_p99 = median(load.per_s for load in bare), median(load.p99_ms for load in bare)
    one = PEER.replace("requests/s", "one request")
    return [
        Figure("orders_64", "orders/s", per_s, PEER, limit, Aim("value", ">=", ORDERS_AIM)),
        Figure("orders_64_p99", "ms", median(run.orders.p99_ms for run in runs), one, limit_p99),
        Figure("orders_64_requests", "requests/s", median(run.requests_per_s for run in runs), PEER, limit),
        Figure("place_p99", "ms", median(placing), one, limit_p99, Aim("value", "<=", PLACE_P99_AIM_MS)),
    ]


async def measure_growth(ground: Ground) -> list[Figure]:
    """The same flow in an empty book and in one of ten million facts, side by side on one server, taking turns."""
    facts = QUICK_LARGE if ground.quick else LARGE
    rates: dict[int, list[float]] = {0: [], facts: []}
    async with ground.database() as empty_url, ground.database() as large_url:
        await grow(large_url, facts)
        await _projected_already(large_url, facts)
        for url in (empty_url, large_url):
            await stock_the_shop(url)
        with (
            serving_with_worker(ground, empty_url) as empty_port,
            serving_with_worker(ground, large_url) as large_port,
        ):
            shops = [
                (number, port, await signed_in_shoppers(port))
                for number, port in ((0, empty_port), (facts, large_port))
            ]
            for _ in range(ground.runs):
                for number, port, shoppers in shops:
                    rates[number].append((await orders_under_load(port, shoppers, ground.seconds)).orders.per_s)
    peer, aim = "the same in an empty book", Aim("ratio", ">=", GROWTH_AIM)
    return [Figure("orders_growth", "orders/s", median(rates[facts]), peer, median(rates[0]), aim)]


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
        await handler(SetShippingZone("home", "Home", ("IE",), (METHOD,)))
        await handler(SetTaxes("IE", prices_include_tax=True, rates=(TaxRate("standard", 230_000),)))


async def _projected_already(url: str, facts: int) -> None:
    """The read tables and the policies have been at it all along: what the book was filled with is not theirs."""
    names = [*(projection.name for projection in PROJECTIONS), *POLICIES]
    async with open_pool(url, 1) as pool:
        await pool.fetch(BEGIN_AT, names, facts)


async def orders_under_load(port: int, shoppers: Sequence[str], seconds: float) -> Run:
    """`shoppers` are the headers they sign in with. The rate is that of whole orders, the p99 that of one."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected("127.0.0.1", port)) for _ in shoppers]

        async def order(number: int) -> None:
            await _one_order(connections[number], shoppers[number], _different())

        with rarely_collected():
            started = time.perf_counter()
            load = await under_load(len(shoppers), seconds, order)
            requests = sum(each.requests for each in connections)
            return Run(load, requests / (time.perf_counter() - started))


async def _placing_at(port: int, shoppers: Sequence[str], per_s: float, seconds: float) -> float:
    """p99 of placing an order, in ms, when so many orders a second are begun, evenly spread."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected("127.0.0.1", port)) for _ in shoppers]
        interval_s = len(shoppers) / per_s
        begin = time.perf_counter() + WARM_UP_S
        took_s: list[float] = []

        async def shopper(number: int) -> None:
            """One who is late does not make up for it."""
            at = begin - WARM_UP_S + interval_s * number / len(shoppers)
            while at < begin + seconds:
                await asyncio.sleep(at - time.perf_counter())
                placed_s = await _one_order(connections[number], shoppers[number], _different())
                if at >= begin:
                    took_s.append(placed_s)
                at = max(at + interval_s, time.perf_counter())

        with rarely_collected():
            await asyncio.gather(*(shopper(number) for number in range(len(shoppers))))
        return summed_up(took_s, seconds).p99_ms


async def _one_order(connection: Connection, token: str, number: int) -> float:
    """One to three articles into the cart, order, pay, and ask until it is paid. How long placing took, in s."""
    signed_in = partial(connection.request, Authorization=token)
    for step in range(1 + number % LINES_MAX):
        article = sku((number * LINES_MAX + step) % ARTICLES)
        expect(201, await signed_in("POST", "/v1/cart/lines", {"sku": article, "quantity": 1}))
    wish = {"currency": CURRENCY, "ship_to": HOME, "shipping_method": METHOD.method_id}
    began = time.perf_counter()
    placed = expect(201, await signed_in("POST", "/v1/orders", wish, Idempotency_Key=secrets.token_hex(16)))
    placed_s = time.perf_counter() - began
    path, payment = f"/v1/orders/{placed.body['order_id']}", {"method": "tok_approve"}
    once = {"Idempotency_Key": secrets.token_hex(16), "Prefer": "wait=5"}
    paying = expect(202, await signed_in("POST", f"{path}/pay", payment, **once))
    seen = {"Min_Position": paying.headers["commit-position"], "Prefer": "wait=5"}
    while expect(200, await signed_in("GET", path, **seen)).body["status"] != "PAID":
        await asyncio.sleep(POLL_S)
    return placed_s


async def signed_in_shoppers(port: int) -> list[str]:
    return await asyncio.gather(*(signed_in(port) for _ in range(SHOPPERS)))


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
def serving(ground: Ground, url: str) -> Iterator[int]:
    """The port of `daybook serve`, with projections and policies in the same process, as it is by default."""
    with (
        sandbox_gateway() as gateway,
        child("api.cli", "serve", "--port", "0", env=environment(ground, url, gateway)) as serving,
    ):
        yield serving.port_said()


@contextmanager
def serving_with_worker(ground: Ground, url: str) -> Iterator[int]:
    """The port of `daybook serve`, with `daybook worker` beside it for projections and policies, as in production."""
    with sandbox_gateway() as gateway:
        env = environment(ground, url, gateway)
        with (
            child("api.cli", "worker", env=env),
            child("api.cli", "serve", "--port", "0", "--no-workers-in-process", env=env) as serving,
        ):
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
