"""Looking around in the shop: warm pages beside the bare framework, cold ones beside their SQL, and all at scale."""

import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from urllib.parse import urlencode

from benchmarks import catalog
from benchmarks.bare_answer import BODY
from benchmarks.catalog import ADJECTIVES, AISLES, COLOURS, CURRENCY, DEPARTMENTS, MATERIALS, NOUNS
from benchmarks.children import child, environment
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.http import Connection, connected
from benchmarks.load import Load, latencies_under_load, under_load
from commands.category import CreateCategory
from commands.handler import Handler
from events.values import CategoryId
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.ids import new_id
from infrastructure.positions import Positions
from queries.listing import Sort, Wanted, products
from queries.rows import Window

WARM_CLIENTS, CLIENTS = 32, 16
QUICK_PRODUCTS = 5_000
COLD_LISTS, QUICK_COLD_LISTS = 300, 40
PAGE = 24
OPEN_FOR_S = 30.0
"""So long people have looked around in a shop before details are counted: what is popular is in the cache by then."""
VENDURE = "Vendure 3.7 with 1,000 products on a machine of this kind, not measured here"
VENDURE_PER_S = {"lists": 27.0, "details": 200.0, "searches": 225.0}
_SEED = 2026


async def measure_warm(ground: Ground) -> list[Figure]:
    async with _shop(ground) as (_, port, count):
        paths = {
            "detail_warm": f"/v1/products/prd_{count // 2:026}",
            "list_warm": f"/v1/products?filter[category]=department-3&sort=price&limit={PAGE}",
        }
        aims = {"detail_warm": 0.8, "list_warm": 0.7}
        figures = []
        for name, path in paths.items():
            async with connected("127.0.0.1", port) as connection:
                for _ in range(3):
                    body = await _bytes(connection, path)
            with _bare(ground, body) as bare_port:
                ours, bare = [], []
                for _ in range(ground.runs):
                    ours.append((await _load(port, WARM_CLIENTS, ground.seconds, itertools.repeat(path))).per_s)
                    bare.append((await _load(bare_port, WARM_CLIENTS, ground.seconds, itertools.repeat(path))).per_s)
            peer = f"bare FastAPI: one GET of the same {len(body):,} bytes, same server settings"
            figures.append(Figure(name, "requests/s", median(ours), peer, median(bare), Aim("ratio", ">=", aims[name])))
    return figures


async def measure_cold(ground: Ground) -> list[Figure]:
    async with _shop(ground) as (url, port, _):
        asked = QUICK_COLD_LISTS if ground.quick else COLD_LISTS
        lists = _cold_lists()
        ours, bare = [], []
        for _ in range(ground.runs):
            now = list(itertools.islice(lists, asked))
            ours.append(await _cold_p95(port, now))
            bare.append(await _sql_p95(url, now))
        searches, p95s = _searches("facets=color,category,price"), []
        for _ in range(ground.runs):
            p95s.append(await _p95_under_load(port, ground.seconds, searches))
    peer = "the same statements, straight to the database"
    return [
        Figure("list_cold_p95", "ms", median(ours), peer, median(bare), Aim("ratio", "<=", 3)),
        Figure("search_p95", "ms", median(p95s), "", None, Aim("value", "<=", 100)),
    ]


async def measure_scale(ground: Ground) -> list[Figure]:
    async with _shop(ground) as (url, port, count):
        kinds: dict[str, tuple[Iterator[str], float]] = {
            "lists": (_lists(), 20),
            "details": (_popular(count), 20),
            "searches": (_searches(), 5),
        }
        figures: list[Figure] = []
        opened = await _load(port, CLIENTS, ground.seconds, kinds["details"][0])
        figures.append(Figure("browse_details_at_opening", "answers/s", opened.per_s, "", None))
        if not ground.quick:
            await _load(port, CLIENTS, OPEN_FOR_S, kinds["details"][0])
        for name, (paths, times) in kinds.items():
            rates = [(await _load(port, CLIENTS, ground.seconds, paths)).per_s for _ in range(ground.runs)]
            aim = Aim("ratio", ">=", times)
            figures.append(Figure(f"browse_{name}", "answers/s", median(rates), VENDURE, VENDURE_PER_S[name], aim))
        found = itertools.cycle(_searched())
        bare = [await _searches_per_s(url, ground.seconds, found) for _ in range(ground.runs)]
        figures.append(Figure("browse_searches_sql", "answers/s", median(bare), "", None))
    return figures


@asynccontextmanager
async def _shop(ground: Ground) -> AsyncIterator[tuple[str, int, int]]:
    """The database, the port of `daybook serve`, and how many products there are."""
    count = QUICK_PRODUCTS if ground.quick else catalog.PRODUCTS
    async with ground.database() as url:
        await catalog.fill(url, count)
        async with open_pool(url, 1) as pool, Committer(partial(connect, url)) as committer:
            # The book has a beginning, or the service would go on asking how far it is.
            handler = Handler(PostgresEventStore(pool, committer, Positions()))
            await handler(CreateCategory(CategoryId(new_id("cat")), "everything", "Everything"))
        env = {**environment(ground, url), "DAYBOOK_CURRENCY": CURRENCY}
        with child("api.cli", "serve", "--port", "0", env=env) as serving:
            yield url, serving.port_said(), count


@contextmanager
def _bare(ground: Ground, body: bytes) -> Iterator[int]:
    with NamedTemporaryFile(prefix="daybook-bench-") as file:
        Path(file.name).write_bytes(body)
        env = {**environment(ground, ground.database_url), BODY: file.name}
        with child("benchmarks.bare_answer", env=env) as serving:
            yield serving.port_said()


async def _load(port: int, clients: int, seconds: float, paths: Iterator[str]) -> Load:
    async with _callers(port, clients, paths) as call:
        with rarely_collected():
            return await under_load(clients, seconds, call)


async def _p95_under_load(port: int, seconds: float, paths: Iterator[str]) -> float:
    async with _callers(port, CLIENTS, paths) as call:
        with rarely_collected():
            return _p95(await latencies_under_load(CLIENTS, time.perf_counter() + 0.5, seconds, call))


@asynccontextmanager
async def _callers(port: int, clients: int, paths: Iterator[str]) -> AsyncIterator[Callable[[int], Awaitable[object]]]:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected("127.0.0.1", port)) for _ in range(clients)]

        async def call(number: int) -> None:
            await _bytes(connections[number], next(paths))

        yield call


async def _bytes(connection: Connection, path: str) -> bytes:
    status, _, body = await connection.exchange("GET", path)
    if status != 200:
        raise RuntimeError(f"expected 200, got {status}: {body!r}")
    return body


async def _cold_p95(port: int, lists: Sequence[Wanted]) -> float:
    latencies = []
    async with connected("127.0.0.1", port) as connection:
        for wanted in lists:
            began = time.perf_counter()
            await _bytes(connection, _path(wanted))
            latencies.append(time.perf_counter() - began)
    return _p95(latencies)


async def _sql_p95(url: str, lists: Sequence[Wanted]) -> float:
    latencies = []
    async with open_pool(url, 1) as pool:
        for wanted in lists:
            began = time.perf_counter()
            await products(pool, wanted, Window(PAGE))
            latencies.append(time.perf_counter() - began)
    return _p95(latencies)


async def _searches_per_s(url: str, seconds: float, searched: Iterator[tuple[str, int]]) -> float:
    """The statements alone, from as many callers and connections: the most that PostgreSQL has to give here."""
    async with open_pool(url, CLIENTS) as pool:

        async def call(_: int) -> None:
            text, limit = next(searched)
            wanted = Wanted(CURRENCY, "active", text, sort=(Sort("relevance", True),))
            await products(pool, wanted, Window(limit))

        with rarely_collected():
            return (await under_load(CLIENTS, seconds, call)).per_s


def _path(wanted: Wanted) -> str:
    asked = {
        "filter[category]": wanted.category,
        "filter[attr.color]": wanted.tags[0][1][0],
        "facets": ",".join(wanted.facets),
        "limit": PAGE,
    }
    return f"/v1/products?{urlencode(asked)}"


def _cold_lists() -> Iterator[Wanted]:
    """Each only once."""
    places = list(itertools.product(range(DEPARTMENTS), range(AISLES), COLOURS))
    random.Random(_SEED).shuffle(places)
    for department, aisle, colour in places:
        yield Wanted(
            CURRENCY,
            "active",
            category=f"aisle-{department}-{aisle}",
            tags=(("color", (colour,)),),
            facets=("color", "brand", "price"),
        )


def _searches(more: str = "") -> Iterator[str]:
    for text, limit in _searched():
        yield f"/v1/products?q={text.replace(' ', '+')}&limit={limit}{'&' if more else ''}{more}"


def _searched() -> list[tuple[str, int]]:
    """Two words of a name, each pair once for each size of a page."""
    pairs = [*itertools.product(ADJECTIVES, NOUNS), *itertools.product(MATERIALS, NOUNS)]
    asked = [(f"{first} {second}", limit) for (first, second), limit in itertools.product(pairs, range(10, PAGE + 1))]
    random.Random(_SEED).shuffle(asked)
    return asked


def _lists() -> Iterator[str]:
    chance, sorts = random.Random(_SEED), ("price", "-price", "name", "-created_at", "created_at")
    while True:
        category = f"aisle-{chance.randrange(DEPARTMENTS)}-{chance.randrange(AISLES)}"
        yield f"/v1/products?filter[category]={category}&sort={chance.choice(sorts)}&limit={PAGE}"


def _popular(count: int) -> Iterator[str]:
    """By rank, as in Zipf's law: the first is asked for twice as often as the second."""
    chance, weights = random.Random(_SEED), list(itertools.accumulate(1 / rank for rank in range(1, count + 1)))
    while True:
        for rank in chance.choices(range(count), cum_weights=weights, k=1_000):
            yield f"/v1/products/prd_{rank * 7_919 % count + 1:026}"


def _p95(latencies_s: Sequence[float]) -> float:
    return 1_000 * sorted(latencies_s)[int(len(latencies_s) * 0.95)]
