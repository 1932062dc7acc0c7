"""Reports as CSV (RFC 4180), for spreadsheets. Money is in minor units, and its currency in a column of its own."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from queries.sale import Figures, Period, Summary, sales_from_row

_FIGURES = ("orders", "units", "revenue_minor", "refunded_minor", "average_order_minor", "currency")


def sales_sheet(rows: Sequence[Any], period: Period, currency: str, named: Sequence[str]) -> bytes:
    """From the rows of the report; `named` are the columns of its groups, if it has any."""
    found = (sales_from_row(row, period, currency) for row in rows)
    return _sheet(
        ["period", "starts_on", *named, *_FIGURES],
        (
            (sales.period, sales.starts_on, *([sales.group_id, sales.group] if named else []), *_cells(sales.figures))
            for sales in found
        ),
    )


def summary_sheet(summary: Summary) -> bytes:
    row = (summary.placed, summary.customers, *_cells(summary.figures))
    return _sheet(["placed_orders", "customers", *_FIGURES], [row])


def _cells(figures: Figures) -> tuple[int | str, ...]:
    money = figures.revenue, figures.refunded, figures.average_order
    return figures.orders, figures.units, *(each.amount for each in money), figures.revenue.currency


def _sheet(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(columns)
    table.writerows(rows)
    return written.getvalue().encode()
