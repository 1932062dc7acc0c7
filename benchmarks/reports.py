"""How long each report takes on the book in DATABASE_URL, such as The Complete Journey's.

Of a whole span and of the month of June 2017, first pages of up to 1,000 rows as the API asks for them; best of five.
`.venv/bin/python -m benchmarks.reports` prints a table.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from infrastructure.database import open_pool
from queries.reports import carts, customers, inventory, sales
from queries.reports.question import Question, Report
from queries.reports.summary import summary
from queries.rows import Rows, Window

ROUNDS, ROWS = 5, 1_000
KNOWN = 2**62
SPANS = {
    "year": (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
    "month": (datetime(2017, 6, 1, tzinfo=UTC), datetime(2017, 7, 1, tzinfo=UTC)),
}

Ask = Callable[[Rows, Question], Awaitable[object]]


def reports() -> dict[str, Ask]:
    asked: dict[str, Ask] = {"summary": summary, "inventory totals": inventory.totals}
    every: dict[str, Report[Any]] = {
        f"sales by {group}" if group else "sales": report for group, report in sales.sales.items()
    }
    others: dict[str, Report[Any]] = {
        "customers": customers.customers,
        "customers one by one": customers.customers_each,
        "inventory": inventory.inventory,
        "inventory by period": inventory.inventory_by_period,
        "funnel": carts.funnel,
        "abandoned carts": carts.abandoned_carts,
    }
    for name, report in (every | others).items():
        for period in (None, "week"):
            if period in report.listings:
                ask = partial(report.part, period=period, window=Window(ROWS), filters={})
                asked[f"{name}, {period or 'whole span'}"] = ask
    return asked


async def main() -> None:
    async with open_pool(os.environ["DATABASE_URL"], 1) as pool:
        for name, ask in reports().items():
            took_ms = []
            for span in SPANS.values():
                question = Question(KNOWN, *span, "USD")
                rounds = [await _seconds(ask(pool, question)) for _ in range(ROUNDS)]
                took_ms.append(min(rounds) * 1_000)
            sys.stdout.write(f"| {name} | {' | '.join(f'{each:,.0f} ms' for each in took_ms)} |\n")


async def _seconds(asked: Awaitable[object]) -> float:
    started = time.perf_counter()
    await asked
    return time.perf_counter() - started


if __name__ == "__main__":
    asyncio.run(main())
