"""What was sold, by period and by group, and the money for it.

An order counts when it is paid. Money counts when it comes (`revenue`) and when it goes back (`refunded`). By group,
revenue is what the articles of paid orders sold for. The refund of a return is that of its goods; any other is shared
out among an order's lines, to the cent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any, Literal

from queries.reports.question import PERIODS, Period, Question, Report, average, called, period_of, within
from queries.reports.refunds import SHARED
from queries.rows import Listing, Money, Rows, Window

Group = Literal["category", "department", "product"]
PERIODS_MAX = 1_000

PAID = f"paid_position <= $1::bigint AND currency = $4::text AND {within('paid_at')}"
MOVED = f"e.position <= $1::bigint AND e.currency = $4::text AND {within('e.at')}"

_TOTALS = f"""(SELECT period, sum(orders) AS orders, sum(units) AS units, sum(revenue)::bigint AS revenue,
        sum(refunded) AS refunded
    FROM (
        SELECT {{paid_in}} AS period, 1 AS orders, units, 0 AS revenue, 0 AS refunded FROM sale WHERE {PAID}
        UNION ALL
        SELECT {{moved_in}}, 0, 0, captured_minor, refunded_minor FROM money_entry e WHERE {MOVED}
    ) AS entry GROUP BY period) AS report"""

# Each kind of entry is summed up by itself, which PostgreSQL does on all processors. A category stands where it stood
# as of then. Of a payment that did not pay the order nothing is shared out.
_GROUPS = f"""(WITH RECURSIVE place AS (
        SELECT DISTINCT ON (id) id AS category_id, parent_id FROM catalog_entry
        WHERE kind = 'category' AND position <= $1::bigint ORDER BY id, position DESC
    ), root AS (
        SELECT category_id, category_id AS root_id FROM place WHERE parent_id IS NULL
        UNION ALL SELECT p.category_id, r.root_id FROM place p JOIN root r ON p.parent_id = r.category_id
    ), entry AS (
        {{sold}}
        UNION ALL
        SELECT {{moved_in}}, {{group_id}}, 0, 0, 0, sum(l.minor)
        FROM money_entry e JOIN sale s USING (order_id, payment_id)
            CROSS JOIN LATERAL {SHARED} AS l {{joined}}
        WHERE e.refunded_minor > 0 AND {MOVED} AND s.paid_position <= $1::bigint GROUP BY 1, 2
    ) SELECT period, id, sum(orders) AS orders, sum(units) AS units, sum(revenue)::bigint AS revenue,
        sum(refunded) AS refunded
    FROM entry GROUP BY period, id) AS report"""

_SOLD = f"""(SELECT {{paid_in}} AS period, {{group_id}} AS id, count(*) FILTER (WHERE {{first}}) AS orders,
            sum(l.quantity) AS units, sum(l.total_minor) AS revenue, 0 AS refunded
        FROM sale s JOIN sale_line l ON l.position = s.placed_position WHERE {PAID} GROUP BY 1, 2)"""
# An order may hold lines of several categories of a department, and only the tree can tell.
_SOLD_BY_DEPARTMENT = f"""(SELECT period, id, count(*) AS orders, sum(units) AS units, sum(revenue) AS revenue,
            0 AS refunded
        FROM (
            SELECT {{paid_in}} AS period, {{group_id}} AS id, sum(l.quantity) AS units, sum(l.total_minor) AS revenue
            FROM sale s JOIN sale_line l ON l.position = s.placed_position {{joined}} WHERE {PAID}
            GROUP BY 1, 2, l.position
        ) AS bought GROUP BY 1, 2)"""

_FIGURES = "period, orders, units, revenue, refunded"
_SLUG = """(SELECT c.slug FROM catalog_entry c
        WHERE c.id = report.id AND c.slug IS NOT NULL AND c.position <= $1::bigint
        ORDER BY c.position DESC LIMIT 1) AS slug"""


def _sales(period: Period | None, group: Group | None) -> Listing:
    parts = {"paid_in": period_of(period, "paid_at"), "moved_in": period_of(period, "e.at")}
    if group is None:
        return Listing(_FIGURES, _TOTALS.format(**parts), {"period": "date"}, fixed=4)
    if group == "department":
        parts |= {"group_id": "root.root_id", "joined": "JOIN root USING (category_id)"}
        parts["sold"] = _SOLD_BY_DEPARTMENT.format(**parts)
    else:
        parts |= {"group_id": f"l.{group}_id", "joined": ""}
        parts["sold"] = _SOLD.format(first=f"l.first_of_{group}", **parts)
    # Of a whole span, what sold for most comes first.
    key = {"period": "date", "id": "text"} if period else {"revenue": "bigint", "id": "text"}
    return Listing(f"{_FIGURES}, id, {_SLUG}", _GROUPS.format(**parts), key, descending=not period, fixed=4)


GROUPINGS: tuple[Group | None, ...] = (None, "category", "department", "product")
SALES = {(period, group): _sales(period, group) for period, group in product(PERIODS, GROUPINGS)}


@dataclass(frozen=True, slots=True)
class Sales:
    """One period, or one group in it. `period` is as in ISO 8601: 2017-01-02, 2017-W01, 2017-01.

    `net` is revenue less refunds. `average_order` is revenue by orders, rounded half-even to the minor unit."""

    period: str | None
    starts_on: date | None
    group_id: str | None
    group: str | None
    orders: int
    units: int
    revenue: Money
    refunded: Money
    net: Money
    average_order: Money


def _row(row: Any, question: Question, period: Period | None) -> Sales:
    starts_on, currency = row["period"], question.currency
    orders, revenue, refunded = int(row["orders"]), int(row["revenue"]), int(row["refunded"])
    return Sales(
        called(starts_on, period),
        starts_on,
        row.get("id"),
        row.get("slug"),
        orders,
        int(row["units"]),
        Money(revenue, currency),
        Money(refunded, currency),
        Money(revenue - refunded, currency),
        average(revenue, orders, currency),
    )


def _report(group: Group | None) -> Report[Sales]:
    reads = ("sale", "money_entry", *(("sale_line", "return_line", "catalog_entry") if group else ()))
    return Report(reads, {period: SALES[period, group] for period in PERIODS}, _row, Sales)


sales = {group: _report(group) for group in GROUPINGS}


async def periods(rows: Rows, question: Question, period: Period) -> Sequence[Sales]:
    """The first thousand of them."""
    part = await sales[None].part(rows, question, period, Window(PERIODS_MAX), {})
    return part.rows
