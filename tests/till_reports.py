"""The reports that the till's own rows make, to be compared with the shop's: no code is shared with it.

`python -m tests.till_reports` compares the whole data set, imported into DATABASE_URL.
"""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from infrastructure.database import Pool, open_pool
from queries.reports import carts, customers, inventory, sales
from queries.reports.question import Period, Question, Report
from queries.rows import Window
from tests.till_totals import Sold, sold_in_complete_journey

EVERYTHING = Question(2**62, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), "USD")
MOST_ROWS = 1_000_000

Figures = dict[str, dict[Any, tuple[Any, ...]]]
"""By report and by what its rows are about."""


def of_till(rows: Iterable[Sold]) -> Figures:
    found: dict[str, dict[Any, list[Any]]] = defaultdict(lambda: defaultdict(lambda: [set(), 0, 0]))
    baskets: dict[Any, list[Any]] = {}
    for row in rows:
        week = f"{row.at:%G-W%V}"
        for report, about in (
            ("week", week),
            ("product", str(row.article)),
            ("department", (week, row.department)),
            ("household", row.household),
        ):
            figures = found[report][about]
            figures[0].add(row.basket)
            figures[1] += row.quantity
            figures[2] += row.cents
        baskets[row.basket] = [row.household, row.at, week]
    counted: Figures = {
        report: {about: (len(f[0]), f[1], f[2]) for about, f in rows.items()} for report, rows in found.items()
    }
    counted["stock"] = {article: (units,) for article, (_, units, _) in counted["product"].items()}
    counted["funnel"] = {week: (orders,) * 5 for week, (orders, _, _) in counted["week"].items()}
    counted["customers"] = _customers(baskets, {who: cents for who, (_, _, cents) in counted["household"].items()})
    # The shop knows its customers by other names, so they are told by what they did.
    counted["household"] = dict(
        enumerate(sorted((orders, cents) for orders, _, cents in counted["household"].values()))
    )
    return counted


def _customers(baskets: dict[Any, list[Any]], worth: dict[Any, int]) -> dict[Any, tuple[Any, ...]]:
    first: dict[Any, tuple[datetime, str]] = {}
    seen: dict[str, list[Any]] = defaultdict(list)
    for household, at, week in baskets.values():
        first[household] = min(first.get(household, (at, week)), (at, week))
        seen[week].append(household)
    new = {week: {who for who in them if first[who][1] == week} for week, them in seen.items()}
    return {
        week: (len(set(them)), len(new[week]), len(them), _average([worth[who] for who in new[week]]))
        for week, them in seen.items()
    }


def _average(amounts: list[int]) -> int:
    total = Decimal(sum(amounts)) / len(amounts) if amounts else Decimal(0)
    return int(total.quantize(Decimal(1), ROUND_HALF_EVEN))


async def of_reports(pool: Pool) -> Figures:
    async def rows(report: Report[Any], period: Period | None = None) -> list[Any]:
        return list((await report.part(pool, EVERYTHING, period, Window(MOST_ROWS), {})).rows)

    def sold(row: sales.Sales) -> tuple[int, int, int]:
        return row.orders, row.units, row.revenue.amount

    names = {row["slug"]: row["name"].upper() for row in await pool.fetch("SELECT slug, name FROM category")}
    goods = [row for row in await rows(inventory.inventory) if row.sold]
    each = [(row.orders, row.lifetime_value.amount) for row in await rows(customers.customers_each)]
    return {
        "week": {row.period: sold(row) for row in await rows(sales.sales[None], "week")},
        "product": {_article(row.group): sold(row) for row in await rows(sales.sales["product"])},
        "department": {
            (row.period, names[row.group]): sold(row) for row in await rows(sales.sales["department"], "week")
        },
        "household": dict(enumerate(sorted(each))),
        "stock": {row.sku.removeprefix("CJ-"): (row.sold,) for row in goods},
        "funnel": {
            row.period: (row.carts, row.checkouts, row.paid, row.shipped, row.without_cart)
            for row in await rows(carts.funnel, "week")
        },
        "customers": {
            row.period: (row.customers, row.new, row.orders, row.lifetime_value.amount)
            for row in await rows(customers.customers, "week")
        },
    }


def _article(slug: str) -> str:
    return slug.rpartition("-")[2]


async def _main() -> None:
    async with open_pool(os.environ["DATABASE_URL"], 1) as pool:
        said = await of_reports(pool)
    true = of_till(sold_in_complete_journey())
    for report, rows in true.items():
        sys.stdout.write(f"{report}: {len(rows):,} rows {'agree' if rows == said[report] else 'DIFFER'}\n")
    sys.exit(said != true)


if __name__ == "__main__":
    asyncio.run(_main())
