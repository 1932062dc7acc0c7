"""The figures of a whole span of time, on one line."""

from dataclasses import dataclass

from queries.reports.carts import BEGUN
from queries.reports.question import Question, average, rate, within
from queries.reports.sales import MOVED, PAID
from queries.rows import Money, Rows

READS = ("sale", "money_entry", "cart_entry")

SUMMARY = f"""SELECT placed.orders AS placed, sold.*, till.*, begun.*
    FROM (
        SELECT count(*) AS orders FROM sale
        WHERE placed_position <= $1::bigint AND currency = $4::text AND {within("placed_at")}
    ) AS placed, (
        SELECT count(*) AS orders, coalesce(sum(units), 0) AS units,
            coalesce(sum(shipping_minor), 0) AS shipping, count(DISTINCT customer_id) AS customers
        FROM sale WHERE {PAID}
    ) AS sold, (
        SELECT coalesce(sum(captured_minor), 0) AS revenue, coalesce(sum(refunded_minor), 0) AS refunded
        FROM money_entry e WHERE {MOVED}
    ) AS till, (
        SELECT count(*) AS carts, count(*) FILTER (WHERE checked_out) AS checkouts
        FROM {BEGUN} WHERE NOT without_cart AND {within("begun_at")}
    ) AS begun"""


@dataclass(frozen=True, slots=True)
class Summary:
    """`orders`, `units` and `customers` are those of paid orders; `placed_orders` were placed, paid or not.

    `net` is revenue less refunds. `conversion` is how many of the `carts` begun have been checked out, null without
    any. `shipping` is what paid orders were sent for, which is part of the revenue."""

    orders: int
    placed_orders: int
    customers: int
    units: int
    revenue: Money
    refunded: Money
    net: Money
    shipping: Money
    average_order: Money
    carts: int
    conversion: float | None


async def summary(rows: Rows, question: Question) -> Summary:
    row = await rows.fetchrow(SUMMARY, *question.arguments)
    currency, revenue, refunded = question.currency, int(row["revenue"]), int(row["refunded"])
    return Summary(
        row["orders"],
        row["placed"],
        row["customers"],
        int(row["units"]),
        Money(revenue, currency),
        Money(refunded, currency),
        Money(revenue - refunded, currency),
        Money(int(row["shipping"]), currency),
        average(revenue, row["orders"], currency),
        row["carts"],
        rate(row["checkouts"], row["carts"]),
    )
