"""No list reads the products from end to end, with as many of them as the real data set has.

To count prices or stock over the whole shop is to read all of those: narrow tables, one short row each."""

import re

import asyncpg

from benchmarks.catalog import CURRENCY, PRODUCTS, fill
from infrastructure.database import open_pool
from queries.listing import Sort, Wanted, products, statement
from queries.rows import Window

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
SCAN = re.compile(r"Seq Scan on (listing|product)\b")


async def test_no_list_scans_a_table(own_database_url: str) -> None:
    await fill(own_database_url)
    connection = await asyncpg.connect(own_database_url)
    scans, empty = [], []
    async with open_pool(own_database_url, 1) as pool:
        for name, asked in LISTS.items():
            for status in ("active", None):  # as shoppers ask, and as staff do
                wanted = Wanted(CURRENCY, status, **asked)  # type: ignore[arg-type]
                first = await products(pool, wanted, Window(24))
                if not first.part.rows:
                    empty.append(name)
                for key in (None, first.part.next):
                    sql, values = statement(wanted, Window(24, key))
                    plan = [row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *values)]
                    scans += [(name, status, line) for line in plan if SCAN.search(line)]
        whole = await products(pool, Wanted(CURRENCY, "active", facets=("color",), total=True), Window(1))
    await connection.close()
    assert (scans, empty) == ([], [])
    assert whole.total == PRODUCTS == sum(each["count"] for each in whole.facets["color"])
