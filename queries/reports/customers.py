"""Who bought: new customers and those who came back, and what they have been worth so far.

Everything is said in one currency: a customer is new with the first order that was paid in it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from queries.reports.question import PERIODS, Period, Question, Report, average, called, period_of, within
from queries.reports.sales import PAID
from queries.rows import Listing, Money

_FIRST = """first AS (
        SELECT customer_id, min(paid_at) AS first_at, max(paid_at) AS last_at, count(*) AS orders FROM sale
        WHERE paid_position <= $1::bigint AND currency = $4::text GROUP BY customer_id
    )"""
_WORTH = """worth AS (
        SELECT customer_id, sum(captured_minor)::bigint AS revenue, sum(refunded_minor)::bigint AS refunded
        FROM money_entry e JOIN sale s USING (order_id)
        WHERE e.position <= $1::bigint AND e.currency = $4::text GROUP BY customer_id
    )"""

BY_PERIOD = f"""(WITH {_FIRST}, {_WORTH}, bought AS (
        SELECT {{paid_in}} AS period, customer_id, count(*) AS orders FROM sale WHERE {PAID} GROUP BY 1, 2
    ), seen AS (
        SELECT period, bought.orders, coalesce(revenue - refunded, 0) AS worth,
            first_at >= $2::timestamptz AND {{first_in}} IS NOT DISTINCT FROM period AS new
        FROM bought JOIN first USING (customer_id) LEFT JOIN worth USING (customer_id)
    ) SELECT period, count(*) AS customers, count(*) FILTER (WHERE new) AS new, sum(orders) AS orders,
        coalesce(sum(worth) FILTER (WHERE new), 0) AS worth_of_new
    FROM seen GROUP BY period) AS report"""

EACH = f"""(WITH {_FIRST}, {_WORTH}
    SELECT customer_id, first_at, last_at, orders, coalesce(revenue, 0) AS revenue, coalesce(refunded, 0) AS refunded,
        coalesce(revenue - refunded, 0) AS worth
    FROM first LEFT JOIN worth USING (customer_id) WHERE {within("first_at")}) AS report"""


@dataclass(frozen=True, slots=True)
class Customers:
    """Who bought in a period. `lifetime_value` is what its new customers have paid so far, less refunds, by head."""

    period: str | None
    starts_on: date | None
    customers: int
    new: int
    returning: int
    orders: int
    lifetime_value: Money


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer, from the first paid order on: `lifetime_value` is `revenue` less `refunded`."""

    customer_id: str
    first_order_at: datetime
    last_order_at: datetime
    orders: int
    revenue: Money
    refunded: Money
    lifetime_value: Money


def _in_period(row: Any, question: Question, period: Period | None) -> Customers:
    starts_on, customers, new, orders, worth = row
    value = average(int(worth), new, question.currency)
    return Customers(called(starts_on, period), starts_on, customers, new, customers - new, int(orders), value)


def _customer(row: Any, question: Question, period: Period | None) -> Customer:
    customer_id, first_at, last_at, orders, *amounts = row
    revenue, refunded, worth = (Money(amount, question.currency) for amount in amounts)
    return Customer(customer_id, first_at, last_at, orders, revenue, refunded, worth)


CUSTOMERS_IN = {
    period: Listing(
        "period, customers, new, orders, worth_of_new",
        BY_PERIOD.format(paid_in=period_of(period, "paid_at"), first_in=period_of(period, "first_at")),
        {"period": "date"},
        fixed=4,
    )
    for period in PERIODS
}
CUSTOMERS = Listing(
    "customer_id, first_at, last_at, orders, revenue, refunded, worth",
    EACH,
    {"worth": "bigint", "customer_id": "text"},
    descending=True,
    fixed=4,
)
_READS = ("sale", "money_entry")
customers = Report(_READS, CUSTOMERS_IN, _in_period, Customers)
customers_each = Report(_READS, {None: CUSTOMERS}, _customer, Customer)
