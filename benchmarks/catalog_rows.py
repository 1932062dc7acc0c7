"""Bringing in a table of products with `daybook catalog import`, beside the COPY of its facts into a bare table."""

import asyncio
import csv
import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.catalog import ADJECTIVES, AISLES, COLOURS, CURRENCY, DEPARTMENTS, MATERIALS, NOUNS, PRODUCTS
from benchmarks.children import child, environment
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.importing import LIMIT, copied_per_s
from commands.category import CreateCategory
from commands.handler import Handler
from events.values import CategoryId
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.ids import new_id
from infrastructure.positions import Positions

QUICK_PRODUCTS = 5_000
HEADER = "slug name description category status sku price_minor currency attributes.brand options.color".split()
AISLES_IN_ALL = DEPARTMENTS * AISLES
_SEED = 2026


async def measure(ground: Ground) -> list[Figure]:
    """Into a shop that has the categories and nothing else, nobody projecting meanwhile."""
    rates, limits = [], []
    with TemporaryDirectory(prefix="daybook-bench-") as folder:
        table, rows = Path(folder) / "products.csv", QUICK_PRODUCTS if ground.quick else PRODUCTS
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *_rows(rows)])
        for _ in range(ground.runs):
            async with ground.database() as url:
                await _aisles(url)
                seconds, facts = await asyncio.to_thread(_imported, ground, url, table, rows)
                rates.append(rows / seconds)
                limits.append(await copied_per_s(url) * rows / facts)
    return [Figure("catalog_import", "rows/s", median(rates), LIMIT, median(limits), Aim("value", ">=", 2_000))]


def _rows(count: int) -> Iterator[list[str]]:
    chance = random.Random(_SEED)
    for number in range(count):
        words = [chance.choice(words) for words in (ADJECTIVES, MATERIALS, NOUNS)]
        name, price = " ".join([*words, str(number)]).capitalize(), 100 + chance.randrange(20_000)
        aisle, brand, colour = number % AISLES_IN_ALL, f"brand {number % 200}", chance.choice(COLOURS)
        said, article = f"A thing for every day, number {number}.", f"SKU-{number}"
        seen = [f"product-{number}", name, said, f"aisle-{aisle}", "active", article]
        yield [*seen, str(price), CURRENCY, brand, colour]


async def _aisles(url: str) -> None:
    async with open_pool(url, 1) as pool, Committer(partial(connect, url)) as committer:
        handler = Handler(PostgresEventStore(pool, committer, Positions()))
        for number in range(AISLES_IN_ALL):
            await handler(CreateCategory(CategoryId(new_id("cat")), f"aisle-{number}", f"Aisle {number}"))


def _imported(ground: Ground, url: str, table: Path, rows: int) -> tuple[float, int]:
    """The seconds from the first row to the last commit, and how many facts the book holds then."""
    env = {**environment(ground, url), "DAYBOOK_CURRENCY": CURRENCY}
    with child("api.cli", "catalog", "import", str(table), "--json", env=env) as importing:
        said, _ = importing.process.communicate()
        if importing.process.returncode:
            raise RuntimeError(importing.last_words())
    tally = json.loads(said)
    if tally["created"] != rows:
        raise RuntimeError(f"{tally['created']} of {rows} rows came in: {tally['errors'][:3]}")
    return tally["seconds"], tally["position"]
