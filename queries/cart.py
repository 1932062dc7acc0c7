"""A cart with what its lines cost today, what they cost when they were added, and whether they can be had."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from queries.goods import GOODS, Availability, Change, Goods, goods
from queries.rows import Money, Rows

CART = f"""SELECT c.version, c.updated_at, c.coupon, wanted.sku, wanted.product_id, wanted.quantity, wanted.added_at,
        wanted.left_out, p.name, p.slug, p.status, price.amount, before.amount AS amount_then, s.available
    FROM cart c
    LEFT JOIN LATERAL ROWS FROM (json_to_recordset(c.lines)
            AS (sku text, product_id text, quantity bigint, prices json, added_at timestamptz, left_out bigint))
        WITH ORDINALITY AS wanted (sku, product_id, quantity, prices, added_at, left_out, place) ON true
    {GOODS}
    WHERE c.cart_id = $1 ORDER BY wanted.place"""


@dataclass(frozen=True, slots=True)
class CartLine:
    """`unit_price` and `total` are null for what is not for sale, or not in this currency; `unit_price_then` is what
    it cost when it was last added, null where that is not known."""

    sku: str
    product_id: str
    name: str
    slug: str
    quantity: int
    unit_price: Money | None
    total: Money | None
    available: int
    availability: Availability
    unit_price_then: Money | None
    added_at: datetime | None
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Units that a guest's cart held and that did not fit into the customer's, when they were merged."""

    sku: str
    product_id: str
    name: str
    slug: str
    units: int


@dataclass(frozen=True, slots=True)
class Cart:
    """`total` is the sum of the lines that have one, before the `coupon`: a quote tells what it gives. `left_out` names
    lines that are `capped`, and what has no line."""

    cart_id: str | None
    lines: list[CartLine]
    total: Money
    updated_at: datetime | None = None
    version: int = 0
    coupon: str | None = None
    left_out: list[LeftOut] = field(default_factory=list)


async def cart(rows: Rows, cart_id: str, currency: str) -> Cart:
    """An empty one, if there is none."""
    found = await rows.fetch(CART, cart_id, currency)
    lines = [_line(row, goods(row, currency, row["quantity"])) for row in found if row["quantity"]]
    left_out = [
        LeftOut(row["sku"], row["product_id"], row["name"] or "", row["slug"] or "", row["left_out"])
        for row in found
        if row["left_out"]
    ]
    total = Money(sum(line.total.amount for line in lines if line.total), currency)
    if not found:
        return Cart(cart_id, lines, total)
    return Cart(cart_id, lines, total, found[0]["updated_at"], found[0]["version"], found[0]["coupon"], left_out)


def _line(row: Any, goods: Goods) -> CartLine:
    price, quantity = goods.unit_price, row["quantity"]
    return CartLine(
        row["sku"],
        row["product_id"],
        row["name"] or "",
        row["slug"] or "",
        quantity,
        price,
        Money(price.amount * quantity, price.currency) if price else None,
        goods.available,
        goods.availability,
        goods.unit_price_then,
        row["added_at"],
        [*goods.changes, "capped"] if row["left_out"] else goods.changes,
    )
