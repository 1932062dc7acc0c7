"""A wishlist with what its articles cost today, what they cost then, and whether they can be had."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.goods import GOODS, Availability, Change, goods
from queries.rows import Money, Rows

WISHLIST = f"""SELECT w.version, w.updated_at, wanted.sku, wanted.product_id, wanted.added_at,
        p.name, p.slug, p.status, price.amount, before.amount AS amount_then, s.available
    FROM wishlist w
    LEFT JOIN LATERAL ROWS FROM (json_to_recordset(w.wishes)
            AS (sku text, product_id text, prices json, added_at timestamptz))
        WITH ORDINALITY AS wanted (sku, product_id, prices, added_at, place) ON true
    {GOODS}
    WHERE w.customer_id = $1 ORDER BY wanted.place DESC"""


@dataclass(frozen=True, slots=True)
class Wish:
    """`unit_price` is null for what is not for sale, or not in this currency."""

    sku: str
    product_id: str
    name: str
    slug: str
    unit_price: Money | None
    unit_price_then: Money | None
    available: int
    availability: Availability
    added_at: datetime
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Wishlist:
    """The newest wish first."""

    data: list[Wish]
    updated_at: datetime | None = None
    version: int = 0


async def wishlist(rows: Rows, customer_id: str, currency: str) -> Wishlist:
    """An empty one, if there is none."""
    found = await rows.fetch(WISHLIST, customer_id, currency)
    if not found:
        return Wishlist([])
    wishes = [_wish(row, currency) for row in found if row["sku"] is not None]
    return Wishlist(wishes, found[0]["updated_at"], found[0]["version"])


def _wish(row: Any, currency: str) -> Wish:
    today = goods(row, currency, 1)
    return Wish(
        row["sku"],
        row["product_id"],
        row["name"] or "",
        row["slug"] or "",
        today.unit_price,
        today.unit_price_then,
        today.available,
        today.availability,
        row["added_at"],
        today.changes,
    )
