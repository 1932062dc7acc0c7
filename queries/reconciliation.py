"""What reconciliation looks at: orders for which money came or was asked for, and units that are promised."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Rows

_COLUMNS = "order_id, status, total_minor, currency, payments::text, updated_at"
PLACED_SINCE = f"""SELECT {_COLUMNS} FROM order_summary
    WHERE placed_at >= $1 AND payments::text <> '[]' ORDER BY placed_at, order_id"""
THESE = f"SELECT {_COLUMNS} FROM order_summary WHERE order_id = ANY ($1::text[])"
# What open orders count on, less what was sent of them in parts, and what stock has reserved for them.
UNKEPT = """SELECT sku, promised.units, coalesce(kept.units, 0) AS kept
    FROM (SELECT sku, sum(units)::bigint AS units
        FROM (
            SELECT line->>'sku' AS sku, (line->>'quantity')::bigint AS units
            FROM order_summary CROSS JOIN LATERAL json_array_elements(lines) AS line WHERE status IN ('PENDING', 'PAID')
            UNION ALL
            SELECT sent->>'sku', -(sent->>'quantity')::bigint
            FROM order_summary CROSS JOIN LATERAL json_array_elements(shipments) AS parcel
                CROSS JOIN LATERAL json_array_elements(parcel->'units') AS sent
            WHERE status = 'PAID'
        ) AS part GROUP BY sku) AS promised
    LEFT JOIN (SELECT sku, sum(reserved)::bigint AS units FROM stock_level GROUP BY sku) kept USING (sku)
    WHERE promised.units > coalesce(kept.units, 0) ORDER BY sku"""


@dataclass(frozen=True, slots=True)
class Account:
    """An order and the ways to pay that were tried for it, as the table has them; amounts are in minor units."""

    order_id: str
    status: str
    total: int
    currency: str
    payments: Sequence[dict[str, Any]]
    updated_at: datetime


async def accounts_since(rows: Rows, since: datetime) -> list[Account]:
    """Of orders placed since then for which a payment was asked, or money came."""
    return [_account(row) for row in await rows.fetch(PLACED_SINCE, since)]


async def accounts_of(rows: Rows, order_ids: Collection[str]) -> list[Account]:
    return [_account(row) for row in await rows.fetch(THESE, list(order_ids))]


async def unkept(rows: Rows) -> list[tuple[str, int, int]]:
    """SKUs of which open orders count on more units than stock has reserved: SKU, promised, reserved."""
    return [tuple(row) for row in await rows.fetch(UNKEPT)]


def _account(row: Any) -> Account:
    order_id, status, total, currency, payments, updated_at = row
    return Account(order_id, status, total, currency, json.loads(payments), updated_at)
