"""What lay in stock at the end of a span, what it was worth at list prices, and how much of it was sold in between."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from queries.reports.question import PERIODS, Period, Question, Report, called, period_of, rate
from queries.rows import Listing, Money, Rows

_KINDS = ("received", "sold", "returned", "written_off", "adjusted", "moved")


def _sum(kind: str, sign: str = "") -> str:
    return f"coalesce({sign}sum(quantity) FILTER (WHERE kind = '{kind}' AND at >= $2::timestamptz), 0)::bigint"


_MOVED = f"""{_sum("received")} AS received, {_sum("sold", "-")} AS sold, {_sum("returned")} AS returned,
        {_sum("written_off", "-")} AS written_off, {_sum("adjusted")} AS adjusted,
        {_sum("moved")} AS moved"""

STOCK = f"""(SELECT held.*, coalesce(price_minor, 0) * on_hand AS value, price_minor
    FROM (
        SELECT sku, location, sum(quantity)::bigint AS on_hand, {_MOVED},
            coalesce(sum(quantity) FILTER (WHERE at < $2::timestamptz), 0)::bigint AS opening,
            coalesce(max(position) FILTER (WHERE kind = 'low'), 0)
                > coalesce(max(position) FILTER (WHERE kind = 'recovered'), 0) AS low
        FROM stock_entry WHERE position <= $1::bigint AND at < $3::timestamptz GROUP BY sku, location
    ) AS held LEFT JOIN LATERAL (
        SELECT price_minor FROM price_entry p
        WHERE p.sku = held.sku AND p.currency = $4::text AND p.position <= $1::bigint AND p.at < $3::timestamptz
        ORDER BY p.at DESC, p.position DESC LIMIT 1
    ) AS price ON true) AS report"""

BY_PERIOD = f"""(SELECT * FROM (
        SELECT period, {", ".join(_KINDS)}, changed,
            (sum(changed) OVER (ORDER BY period NULLS FIRST))::bigint AS on_hand
        FROM (
            SELECT CASE WHEN at >= $2::timestamptz THEN {{period}} END AS period, {_MOVED},
                sum(quantity)::bigint AS changed
            FROM stock_entry WHERE position <= $1::bigint AND at < $3::timestamptz GROUP BY 1
        ) AS change
    ) AS balance WHERE period IS NOT NULL) AS report"""

TOTALS = f"""SELECT count(*) AS items, coalesce(sum(on_hand), 0) AS on_hand, coalesce(sum(value), 0) AS value,
        count(*) FILTER (WHERE low) AS low, coalesce(sum(opening), 0) AS opening,
        coalesce(sum(received), 0) AS received, coalesce(sum(sold), 0) AS sold,
        coalesce(sum(returned), 0) AS returned
    FROM {STOCK}"""


@dataclass(frozen=True, slots=True)
class Item:
    """The units of one SKU at one location: `opening + received - sold + returned - written_off + adjusted +
    moved = on_hand`.

    `value` is `on_hand` at the list price of the span's end; both are null where it has none in this currency.
    `sell_through` is (sold - returned) by (opening + received). `low`: it has come down to its threshold."""

    sku: str
    location: str
    opening: int
    received: int
    sold: int
    returned: int
    written_off: int
    adjusted: int
    moved: int
    on_hand: int
    low: bool
    unit_price: Money | None
    value: Money | None
    sell_through: float | None


@dataclass(frozen=True, slots=True)
class Movement:
    """The units of all SKUs in a period: `opening + received - sold + returned - written_off + adjusted
    + moved = on_hand` at its end."""

    period: str | None
    starts_on: date | None
    opening: int
    received: int
    sold: int
    returned: int
    written_off: int
    adjusted: int
    moved: int
    on_hand: int
    sell_through: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Of everything that ever was in stock: `items` are SKUs at locations, `low` how many of them run out."""

    items: int
    low: int
    opening: int
    received: int
    sold: int
    returned: int
    on_hand: int
    value: Money
    sell_through: float | None


def _item(row: Any, question: Question, period: Period | None) -> Item:
    price, value = row["price_minor"], row["value"]
    return Item(
        **{name: row[name] for name in ("sku", "location", "opening", *_KINDS, "on_hand", "low")},
        unit_price=None if price is None else Money(price, question.currency),
        value=None if price is None else Money(value, question.currency),
        sell_through=rate(row["sold"] - row["returned"], row["opening"] + row["received"]),
    )


def _movement(row: Any, question: Question, period: Period | None) -> Movement:
    opening, starts_on = row["on_hand"] - row["changed"], row["period"]
    return Movement(
        called(starts_on, period),
        starts_on,
        opening,
        **{name: row[name] for name in (*_KINDS, "on_hand")},
        sell_through=rate(row["sold"] - row["returned"], opening + row["received"]),
    )


async def totals(rows: Rows, question: Question) -> Totals:
    row = await rows.fetchrow(TOTALS, *question.arguments)
    counts = {name: int(row[name]) for name in ("items", "low", "opening", "received", "sold", "returned", "on_hand")}
    sell_through = rate(counts["sold"] - counts["returned"], counts["opening"] + counts["received"])
    return Totals(**counts, value=Money(int(row["value"]), question.currency), sell_through=sell_through)


ITEMS = Listing(
    f"sku, location, opening, {', '.join(_KINDS)}, on_hand, low, price_minor, value",
    STOCK,
    {"sku": "text", "location": "text"},
    filters={"low": "low AND {}", "not_low": "NOT low AND {}"},
    fixed=4,
)
MOVEMENTS: dict[Period | None, Listing] = {
    period: Listing(
        f"period, {', '.join(_KINDS)}, changed, on_hand",
        BY_PERIOD.format(period=period_of(period, "at")),
        {"period": "date"},
        fixed=3,
    )
    for period in PERIODS
    if period
}
inventory = Report(("stock_entry", "price_entry"), {None: ITEMS}, _item, Item)
inventory_by_period = Report(("stock_entry",), MOVEMENTS, _movement, Movement)
