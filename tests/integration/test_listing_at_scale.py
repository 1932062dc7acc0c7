"""No list reads the products from end to end, with as many of them as the real data set has.

To count prices or stock over the whole shop is to read all of those: narrow tables, one short row each."""

import json
import re
from itertools import product
from typing import Any

import asyncpg
import pytest

from benchmarks.catalog import CURRENCY, PRODUCTS, fill
from infrastructure.database import open_pool
from queries import listing_sql
from queries.listing import Sort, Wanted, products, statement
from queries.rows import Window
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

RELEVANT = (Sort("relevance", True),)
RED_OR_BLUE = (("color", ("red", "blue")),)
FACETS = ("color", "brand", "category", "price")
LISTS = {
    "newest": {},
    "by name": {"sort": (Sort("name"),)},
    "by price": {"sort": (Sort("price"),)},
    "by price and name": {"sort": (Sort("price", True), Sort("name"))},
    "of a category": {"category": "department-3"},
    "of a small category": {"category": "aisle-3-4"},
    "of a category by price": {"category": "department-3", "sort": (Sort("price"),)},
    "of a small category by price": {"category": "aisle-3-4", "sort": (Sort("price", True),)},
    "of a small category and a price": {"category": "aisle-3-4", "price_from": 500, "price_to": 9_000},
    "of two colours": {"tags": RED_OR_BLUE},
    "of a price": {"price_from": 500, "price_to": 900},
    "in stock": {"in_stock": True},
    "out of stock": {"in_stock": False, "sort": (Sort("name"),)},
    "search": {"text": "copper kett", "sort": RELEVANT},
    "search for one word": {"text": "kettle", "sort": RELEVANT},
    "search by price": {"text": "oak table", "sort": (Sort("price"),)},
    "search with a typo": {"text": "coper ketle", "sort": RELEVANT},
    "search and count": {"text": "copper kettle", "sort": RELEVANT, "facets": FACETS, "total": True},
    "count a category": {"category": "aisle-3-4", "tags": RED_OR_BLUE, "facets": ("color", "price"), "total": True},
    "count beyond a category": {"category": "aisle-3-4", "tags": RED_OR_BLUE, "facets": FACETS, "total": True},
    "count what is in stock": {"in_stock": True, "facets": FACETS},
    "count all": {"facets": ("color", "brand", "category"), "total": True},
}
BY_PRICE = {name: asked for name, asked in LISTS.items() if name.endswith("category by price")}
SCAN = re.compile(r"Seq Scan on (listing|product)\b")


async def test_no_list_scans_a_table(own_database_url: str) -> None:
    await fill(own_database_url)
    connection = await asyncpg.connect(own_database_url)
    scans, empty, pages_read = [], [], {}
    async with open_pool(own_database_url, 1) as pool:
        for name, asked in LISTS.items():
            for status in ("active", None):  # as shoppers ask, and as staff do
                wanted = Wanted(CURRENCY, status, **asked)  # type: ignore[arg-type]
                first = await products(pool, wanted, Window(24))
                if first.products == "[]":
                    empty.append(name)
                for key in (None, first.next):
                    sql, values = statement(wanted, Window(24, key))
                    plan = [row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *values)]
                    scans += [(name, status, line) for line in plan if SCAN.search(line)]
        for name, asked in BY_PRICE.items():
            sql, values = statement(Wanted(CURRENCY, "active", **asked), Window(24))  # type: ignore[arg-type]
            explained = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *values)
            pages_read[name] = sum(
                json.loads(explained)[0]["Plan"][f"Shared {kind} Blocks"] for kind in ("Hit", "Read")
            )
        whole = await products(pool, Wanted(CURRENCY, "active", facets=("color",), total=True), Window(1))
    await connection.close()
    assert (scans, empty) == ([], [])
    assert {name: pages for name, pages in pages_read.items() if pages > 6_000} == {}
    assert whole.total == PRODUCTS == sum(each["count"] for each in json.loads(whole.facets or "{}")["color"])


async def test_small_and_large_categories_give_the_same_by_price(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(own_database_url, 5_000)
    cheap_first, dear_first = (Sort("price"), Sort("name")), (Sort("price", True),)
    narrowings: tuple[dict[str, Any], ...] = (
        {},
        {"tags": RED_OR_BLUE},
        {"in_stock": True},
        {"price_from": 500, "price_to": 15_000},
    )
    async with open_pool(own_database_url, 1) as pool:
        for category in ("aisle-3-4", "department-3", "nowhere"):
            for status, sort, narrowing in product(("active", None), (cheap_first, dear_first), narrowings):
                wanted = Wanted(CURRENCY, status, category=category, sort=sort, **narrowing)
                found = []
                for small in (0, 10_000):
                    monkeypatch.setattr(listing_sql, "SMALL", small)
                    first = await products(pool, wanted, Window(10))
                    second = await products(pool, wanted, Window(10, first.next)) if first.next else first
                    back = Window(10, second.previous, backwards=True)
                    again = await products(pool, wanted, back) if second.previous else first
                    assert again.products == first.products
                    found.append((first, second))
                assert found[0] == found[1]
                shown = [each for page in found[0] for each in json.loads(page.products)]
                if narrowing != {"tags": RED_OR_BLUE}:
                    assert bool(shown) == (category != "nowhere")
                prices = [each["variants"][0]["prices"][0]["amount"] for each in shown]
                if found[0][0].next:
                    assert prices == sorted(prices, reverse=sort is dear_first)
