"""Reports of what was sold: sums over entries that say when a thing happened and at which position it was learned of.

A sale counts when it is paid, in the period of its business time; a refund in the period in which it was given.
Every figure is one as of a position: facts beyond it are left out, so the same question always has the same answer.
That is also why groups are named by slugs, which never change, and not by names.
"""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from itertools import product
from typing import Any, Literal

from queries.rows import Key, Listing, Money, Rows

Period = Literal["day", "week", "month"]
Group = Literal["category", "department", "product"]

_PAID = (
    "paid_position <= $1::bigint AND currency = $2::text AND paid_at >= $3::timestamptz AND paid_at < $4::timestamptz"
)
_REFUNDED = """paid_position <= $1::bigint AND refunded_position <= $1::bigint AND currency = $2::text
    AND refunded_at >= $3::timestamptz AND refunded_at < $4::timestamptz"""

_TOTALS = """(SELECT period, sum(orders) AS orders, sum(units) AS units, sum(revenue) AS revenue,
        sum(refunded) AS refunded
    FROM (
        SELECT {paid_in} AS period, 1 AS orders, units, total_minor AS revenue, 0 AS refunded
        FROM sale WHERE {paid}
        UNION ALL
        SELECT {refunded_in}, 0, 0, 0, refunded_minor FROM sale WHERE {refunded}
    ) AS entry GROUP BY period) AS report"""

# An order is told by the position of its placing, since numbers are counted quicker than texts. Every refund gives back
# the whole order, so each line gives back its own total.
_GROUPS = """(WITH RECURSIVE root AS (
        SELECT category_id, category_id AS root_id FROM category WHERE parent_id IS NULL
        UNION ALL SELECT c.category_id, r.root_id FROM category c JOIN root r ON c.parent_id = r.category_id
    ), entry AS (
        SELECT period, {group_id} AS id, number, l.quantity AS units, l.total_minor AS revenue, 0 AS refunded
        FROM (SELECT order_id, placed_position AS number, {paid_in} AS period FROM sale WHERE {paid}) AS paid
        JOIN sale_line l USING (order_id) {joined}
        UNION ALL
        SELECT period, {group_id}, NULL, 0, 0, l.total_minor
        FROM (SELECT order_id, {refunded_in} AS period FROM sale WHERE {refunded}) AS given_back
        JOIN sale_line l USING (order_id) {joined}
    ), figures AS (
        SELECT period, id, count(DISTINCT number) AS orders, sum(units) AS units, sum(revenue) AS revenue,
            sum(refunded) AS refunded
        FROM entry GROUP BY period, id
    ) SELECT figures.*, coalesce(named.slug, '') AS slug
    FROM figures LEFT JOIN {named} AS named ON named.{named_id} = figures.id) AS report"""

_FIGURES = "period, orders, units, revenue, refunded"
_ROOT = "JOIN root USING (category_id)"


def _in(period: str, at: str) -> str:
    return f"date_trunc('{period}', {at} AT TIME ZONE 'UTC')::date"


def _sales(period: Period, group: Group | None) -> Listing:
    parts = {
        "paid_in": _in(period, "paid_at"),
        "refunded_in": _in(period, "refunded_at"),
        "paid": _PAID,
        "refunded": _REFUNDED,
    }
    if group is None:
        return Listing(_FIGURES, _TOTALS.format(**parts), {"period": "date"}, fixed=4)
    parts |= {
        "group_id": "root.root_id" if group == "department" else f"l.{group}_id",
        "joined": _ROOT if group == "department" else "",
        "named": "product" if group == "product" else "category",
        "named_id": "product_id" if group == "product" else "category_id",
    }
    return Listing(f"{_FIGURES}, id, slug", _GROUPS.format(**parts), {"period": "date", "id": "text"}, fixed=4)


_PERIODS: tuple[Period, ...] = ("day", "week", "month")
_GROUPINGS: tuple[Group | None, ...] = (None, "category", "department", "product")
SALES = {(period, group): _sales(period, group) for period, group in product(_PERIODS, _GROUPINGS)}

SUMMARY = f"""SELECT placed.orders AS placed, sold.orders, sold.units, sold.revenue, sold.customers, given_back.refunded
    FROM (
        SELECT count(*) AS orders FROM sale WHERE placed_position <= $1::bigint AND currency = $2::text
            AND placed_at >= $3::timestamptz AND placed_at < $4::timestamptz
    ) AS placed, (
        SELECT count(*) AS orders, coalesce(sum(units), 0) AS units, coalesce(sum(total_minor), 0) AS revenue,
            count(DISTINCT customer_id) AS customers
        FROM sale WHERE {_PAID}
    ) AS sold, (
        SELECT coalesce(sum(refunded_minor), 0) AS refunded FROM sale WHERE {_REFUNDED}
    ) AS given_back"""


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is about: sales in one currency with `since <= business time < until`, as of a position."""

    as_of: int
    currency: str
    since: datetime
    until: datetime

    @property
    def arguments(self) -> Key:
        return self.as_of, self.currency, self.since, self.until


@dataclass(frozen=True, slots=True)
class Figures:
    """`average_order` is rounded half-even to the minor unit; without an order it is 0."""

    orders: int
    units: int
    revenue: Money
    refunded: Money
    average_order: Money


@dataclass(frozen=True, slots=True)
class Sales:
    """The figures of one period, or of one group in it. `period` is as in ISO 8601: 2017-01-02, 2017-W01, 2017-01."""

    period: str
    starts_on: date
    figures: Figures
    group_id: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    placed: int
    customers: int
    figures: Figures


async def summary(rows: Rows, question: Question) -> Summary:
    row = await rows.fetchrow(SUMMARY, *question.arguments)
    return Summary(row["placed"], row["customers"], _figures(row, question.currency))


def sales_from_row(row: Any, period: Period, currency: str) -> Sales:
    starts_on: date = row["period"]
    return Sales(_name(starts_on, period), starts_on, _figures(row, currency), row.get("id"), row.get("slug"))


def _name(starts_on: date, period: Period) -> str:
    match period:
        case "day":
            return starts_on.isoformat()
        case "week":
            year, week, _ = starts_on.isocalendar()
            return f"{year:04}-W{week:02}"
        case "month":
            return f"{starts_on:%Y-%m}"


def _figures(row: Any, currency: str) -> Figures:
    orders, revenue = int(row["orders"]), int(row["revenue"])
    average = round(Fraction(revenue, orders)) if orders else 0
    return Figures(
        orders,
        int(row["units"]),
        Money(revenue, currency),
        Money(int(row["refunded"]), currency),
        Money(average, currency),
    )
