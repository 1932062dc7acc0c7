"""What becomes of carts: how far those begun in a period have come, and which were left behind full.

A cart lives as long as its shopper. Between two ends (a checkout, a clearing) lies one filling of it: that is what
these reports call a cart.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from queries.reports.question import PERIODS, Period, Question, Report, called, period_of, rate, within
from queries.rows import Listing, Money

# Carts that went on in another one are that one. An order that came without a cart counts as one of its own.
BEGUN = """(WITH entry AS (
        SELECT cart_id, kind, order_id, at, kind = 'added' AND quantity > 0 AS filled,
            count(*) FILTER (WHERE kind IN ('checked_out', 'cleared', 'merged')) OVER (
                PARTITION BY cart_id ORDER BY position, line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS filling
        FROM cart_entry WHERE position <= $1::bigint
    ), cart AS (
        SELECT min(at) FILTER (WHERE filled) AS begun_at, max(order_id) AS order_id FROM entry
        GROUP BY cart_id, filling HAVING bool_or(filled) AND NOT bool_or(kind = 'merged')
    ), way AS (
        SELECT begun_at, s.order_id IS NOT NULL AS checked_out, paid_position, shipped_position, false AS without_cart
        FROM cart LEFT JOIN sale s USING (order_id) WHERE s.order_id IS NULL OR s.currency = $4::text
        UNION ALL
        SELECT placed_at, true, paid_position, shipped_position, true FROM sale
        WHERE cart_id IS NULL AND placed_position <= $1::bigint AND currency = $4::text
    ) SELECT begun_at, checked_out, coalesce(paid_position <= $1::bigint, false) AS paid,
        coalesce(shipped_position <= $1::bigint, false) AS shipped, without_cart
    FROM way) AS begun"""

FUNNEL = f"""(SELECT {{period}} AS period, count(*) AS carts, count(*) FILTER (WHERE checked_out) AS checkouts,
        count(*) FILTER (WHERE paid) AS paid, count(*) FILTER (WHERE shipped) AS shipped,
        count(*) FILTER (WHERE without_cart) AS without_cart
    FROM {BEGUN} WHERE {within("begun_at")} GROUP BY 1) AS report"""

# What has been put in since the last end, and since it was last said how many there shall be of it. Prices as of then.
LEFT = f"""(WITH open AS (
        SELECT e.* FROM cart_entry e LEFT JOIN (
            SELECT cart_id, max(position) AS position FROM cart_entry
            WHERE position <= $1::bigint AND kind IN ('checked_out', 'cleared', 'merged') GROUP BY cart_id
        ) AS ended USING (cart_id)
        WHERE e.position <= $1::bigint AND e.position > coalesce(ended.position, 0)
    ), idle AS (
        SELECT cart_id, min(at) AS begun_at, max(at) AS last_touched_at FROM open
        GROUP BY cart_id HAVING {within("max(at)")}
    ), line AS (
        SELECT cart_id, sku, sum(quantity) FILTER (WHERE position >= set_at) AS units FROM (
            SELECT *, coalesce(max(position) FILTER (WHERE kind = 'set') OVER (PARTITION BY cart_id, sku), 0) AS set_at
            FROM open JOIN idle USING (cart_id)
        ) AS put GROUP BY cart_id, sku
    ) SELECT idle.*, count(*) AS lines, sum(units)::bigint AS units,
        coalesce(sum(units * price_minor), 0)::bigint AS value
    FROM idle JOIN line USING (cart_id) LEFT JOIN LATERAL (
        SELECT price_minor FROM price_entry p
        WHERE p.sku = line.sku AND p.currency = $4::text AND p.position <= $1::bigint
        ORDER BY p.at DESC, p.position DESC LIMIT 1
    ) AS price ON true
    WHERE units > 0 GROUP BY idle.cart_id, begun_at, last_touched_at) AS report"""

LEFT_BY_PERIOD = f"""(SELECT {{period}} AS period, count(*) AS carts, sum(lines) AS lines, sum(units) AS units,
        sum(value) AS value
    FROM {LEFT} GROUP BY 1) AS report"""


@dataclass(frozen=True, slots=True)
class Funnel:
    """Carts begun in a period, and how many of them have come how far by now.

    `without_cart` of them are orders that came without a cart, which `conversion` (checkouts by carts) leaves out."""

    period: str | None
    starts_on: date | None
    carts: int
    checkouts: int
    paid: int
    shipped: int
    without_cart: int
    conversion: float | None


@dataclass(frozen=True, slots=True)
class AbandonedCart:
    """A cart that nobody has touched for a while. `value` is at the prices of today, or of the moment asked for."""

    cart_id: str
    customer_id: str | None
    begun_at: datetime
    last_touched_at: datetime
    lines: int
    units: int
    value: Money


@dataclass(frozen=True, slots=True)
class AbandonedCarts:
    """All carts that were last touched in a period, and then left."""

    period: str | None
    starts_on: date | None
    carts: int
    lines: int
    units: int
    value: Money


def _funnel(row: Any, question: Question, period: Period | None) -> Funnel:
    starts_on, carts, checkouts, paid, shipped, without = row
    conversion = rate(checkouts - without, carts - without)
    return Funnel(called(starts_on, period), starts_on, carts, checkouts, paid, shipped, without, conversion)


def _abandoned(row: Any, question: Question, period: Period | None) -> AbandonedCart:
    cart_id, customer_id, begun_at, last_touched_at, lines, units, value = row
    left = Money(value, question.currency)
    return AbandonedCart(cart_id, customer_id, begun_at, last_touched_at, lines, units, left)


def _abandoned_in(row: Any, question: Question, period: Period | None) -> AbandonedCarts:
    starts_on, carts, lines, units, value = row
    left = Money(int(value), question.currency)
    return AbandonedCarts(called(starts_on, period), starts_on, carts, int(lines), int(units), left)


FUNNELS = {
    period: Listing(
        "period, carts, checkouts, paid, shipped, without_cart",
        FUNNEL.format(period=period_of(period, "begun_at")),
        {"period": "date"},
        fixed=4,
    )
    for period in PERIODS
}
ABANDONED = Listing(
    """cart_id, (SELECT c.customer_id FROM cart c WHERE c.cart_id = report.cart_id) AS customer_id, begun_at,
        last_touched_at, lines, units, value""",
    LEFT,
    {"last_touched_at": "timestamptz", "cart_id": "text"},
    descending=True,
    fixed=4,
)
ABANDONED_IN = {
    period: Listing(
        "period, carts, lines, units, value",
        LEFT_BY_PERIOD.format(period=period_of(period, "last_touched_at")),
        {"period": "date"},
        fixed=4,
    )
    for period in PERIODS
}
funnel = Report(("cart_entry", "sale"), FUNNELS, _funnel, Funnel)
abandoned_carts = Report(("cart_entry", "price_entry", "cart"), {None: ABANDONED}, _abandoned, AbandonedCart)
abandoned_carts_by_period = Report(("cart_entry", "price_entry"), ABANDONED_IN, _abandoned_in, AbandonedCarts)
