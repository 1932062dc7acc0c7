"""Orders as their customers and the staff see them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Listing, Money, Rows

ORDER = """SELECT order_id, customer_id, status, payment, total_minor, currency, lines::text, ship_to::text, carrier,
        tracking, cancel_reason, placed_at, lapses_at, updated_at, version
    FROM order_summary WHERE order_id = $1"""
ORDERS = Listing(
    """order_id, customer_id, status, payment, total_minor, currency, json_array_length(lines) AS lines,
        placed_at, updated_at, version""",
    "order_summary",
    {"placed_at": "timestamptz", "order_id": "text"},
    descending=True,
    filters={"customer_id": "customer_id = {}", "status": "status = {}"},
)


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """An order in a list; `lines` is how many it has."""

    order_id: str
    customer_id: str
    status: str
    payment: str
    total: Money
    lines: int
    placed_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    sku: str
    product_id: str
    name: str
    category_id: str
    quantity: int
    unit_price: Money
    total: Money


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    line1: str
    line2: str
    city: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class Order:
    """`lapses_at` is set as long as the order waits for its money."""

    order_id: str
    customer_id: str
    status: str
    payment: str
    total: Money
    lines: list[OrderLine]
    ship_to: Address | None
    carrier: str
    tracking: str
    cancel_reason: str
    placed_at: datetime
    lapses_at: datetime | None
    updated_at: datetime
    version: int


async def order(rows: Rows, order_id: str) -> Order | None:
    row = await rows.fetchrow(ORDER, order_id)
    if row is None:
        return None
    ship_to = row["ship_to"] and json.loads(row["ship_to"])
    return from_columns({**row, "lines": json.loads(row["lines"]), "ship_to": ship_to})


def from_columns(row: Mapping[str, Any]) -> Order:
    """From the columns of the table, its json as plain lists and dicts: whoever folds an order shows it the same."""
    return Order(
        row["order_id"],
        row["customer_id"],
        row["status"],
        row["payment"],
        Money(row["total_minor"], row["currency"]),
        [
            OrderLine(**{**line, "unit_price": Money(**line["unit_price"]), "total": Money(**line["total"])})
            for line in row["lines"]
        ],
        Address(**row["ship_to"]) if row["ship_to"] else None,
        row["carrier"],
        row["tracking"],
        row["cancel_reason"],
        row["placed_at"],
        row["lapses_at"],
        row["updated_at"],
        row["version"],
    )


def summary_from_row(row: Any) -> OrderSummary:
    order_id, customer_id, status, payment, total_minor, currency, *rest = row
    return OrderSummary(order_id, customer_id, status, payment, Money(total_minor, currency), *rest)
