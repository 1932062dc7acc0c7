"""Orders as their customers and the staff see them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries import order_parcels
from queries.order_parcels import Return, Shipment
from queries.rows import Group, Listing, Money, Rows

_COLUMNS = """order_id, customer_id, status, payment, total_minor, currency, lines::text, ship_to::text, carrier,
        tracking, cancel_reason, placed_at, lapses_at, updated_at, version, captured_minor, refunded_minor,
        payments::text, cart_id, shipping::text, coupon, discount_minor, tax_minor, prices_include_tax, bill_to::text,
        email, shipments::text, returns::text, invoice, credit_notes::text"""
ORDER = f"SELECT {_COLUMNS} FROM order_summary WHERE order_id = $1"
SEVERAL = f"""SELECT held.*, wanted.stream FROM unnest($1::text[]) AS wanted (stream)
    CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM order_summary WHERE order_id = wanted.stream OFFSET 0) AS held"""
ORDERS = Listing(
    """order_id, customer_id, status, payment, total_minor, currency, json_array_length(lines) AS lines,
        placed_at, updated_at, version""",
    "order_summary",
    {"placed_at": "timestamptz", "order_id": "text"},
    descending=True,
    filters={"customer_id": "customer_id = {}", "status": "status = {}"},
)


JSON_COLUMNS = ("lines", "shipping", "ship_to", "bill_to", "payments", "shipments", "returns", "credit_notes")


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
    """`total` is what it sold for: the units' price without the `discount`. The rate of the tax is in parts per
    million."""

    sku: str
    product_id: str
    name: str
    category_id: str
    quantity: int
    unit_price: Money
    discount: Money
    total: Money
    tax: Money
    tax_ppm: int


@dataclass(frozen=True, slots=True)
class Shipping:
    """How it is sent; money as in a line."""

    method_id: str
    name: str
    price: Money
    discount: Money
    total: Money
    tax: Money
    tax_ppm: int


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    line1: str
    line2: str
    city: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One way to pay that was tried. `refunding` is on its way back; `action_url` is where the shopper confirms."""

    payment_id: str
    method: str
    state: str
    amount: Money
    captured: Money
    refunded: Money
    refunding: Money
    action_url: str
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """`lapses_at` is set as long as the order waits for its money. `carrier` and `tracking` are the last parcel's.

    `subtotal` is of the goods before any discount; `discount` and `tax` are sums over lines and shipping. The tax is
    contained in the total either way: in the prices already, or on top of them."""

    order_id: str
    customer_id: str
    status: str
    payment: str
    subtotal: Money
    discount: Money
    shipping: Shipping | None
    tax: Money
    prices_include_tax: bool
    total: Money
    coupon: str | None
    lines: list[OrderLine]
    ship_to: Address | None
    bill_to: Address | None
    email: str | None
    carrier: str
    tracking: str
    cancel_reason: str
    placed_at: datetime
    lapses_at: datetime | None
    updated_at: datetime
    version: int
    captured: Money
    refunded: Money
    payments: list[Payment]
    cart_id: str | None
    shipments: list[Shipment]
    returns: list[Return]
    invoice: str | None
    credit_notes: list[str]


async def order(rows: Rows, order_id: str) -> Order | None:
    row = await rows.fetchrow(ORDER, order_id)
    return None if row is None else _from_row(row)


async def order_among_others(group: Group, order_id: str) -> Order | None:
    """The same, read together with those that others ask for at the same time; `group` reads by `SEVERAL`."""
    found = await group.rows([order_id])
    return _from_row(found[0]) if found else None


def _from_row(row: Mapping[str, Any]) -> Order:
    decoded = {name: row[name] and json.loads(row[name]) for name in JSON_COLUMNS}
    return from_columns({**row, **decoded})


def from_columns(row: Mapping[str, Any]) -> Order:
    """From the columns of the table, its json as plain lists and dicts: whoever folds an order shows it the same."""
    currency = row["currency"]
    subtotal = sum(line["total"]["amount"] + line.get("discount", 0) for line in row["lines"])
    return Order(
        row["order_id"],
        row["customer_id"],
        row["status"],
        row["payment"],
        Money(subtotal, currency),
        Money(row["discount_minor"], currency),
        shipping_of(row["shipping"], currency) if row["shipping"] else None,
        Money(row["tax_minor"], currency),
        row["prices_include_tax"],
        Money(row["total_minor"], currency),
        row["coupon"],
        [order_line(line, currency) for line in row["lines"]],
        Address(**row["ship_to"]) if row["ship_to"] else None,
        Address(**row["bill_to"]) if row["bill_to"] else None,
        row["email"],
        row["carrier"],
        row["tracking"],
        row["cancel_reason"],
        row["placed_at"],
        row["lapses_at"],
        row["updated_at"],
        row["version"],
        Money(row["captured_minor"], row["currency"]),
        Money(row["refunded_minor"], row["currency"]),
        [_payment(payment, row["currency"]) for payment in row["payments"]],
        row["cart_id"],
        order_parcels.shipments(row["shipments"], row["lines"]),
        order_parcels.returns(row["returns"]),
        row["invoice"],
        row["credit_notes"],
    )


def order_line(line: Mapping[str, Any], currency: str) -> OrderLine:
    return OrderLine(**_priced(line, currency))


def shipping_of(shipping: Mapping[str, Any], currency: str) -> Shipping:
    return Shipping(**_priced(shipping, currency))


def _priced(part: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """A line, or the shipping. Rows from before there were discounts and taxes do not know them."""
    shown = {"discount": 0, "tax": 0, "tax_ppm": 0, **part}
    shown |= {name: Money(shown[name], currency) for name in ("discount", "tax")}
    return shown | {name: Money(**shown[name]) for name in ("unit_price", "price", "total") if name in shown}


def _payment(row: Mapping[str, Any], currency: str) -> Payment:
    amount, captured, refunded, refunding = (
        Money(row[f"{name}_minor"], currency) for name in ("amount", "captured", "refunded", "refunding")
    )
    texts = row["url"], row["reason"]
    return Payment(row["payment_id"], row["method"], row["state"], amount, captured, refunded, refunding, *texts)


def summary_from_row(row: Any) -> OrderSummary:
    order_id, customer_id, status, payment, total_minor, currency, *rest = row
    return OrderSummary(order_id, customer_id, status, payment, Money(total_minor, currency), *rest)
