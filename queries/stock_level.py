"""How much of each SKU is on hand at each location, how much of that is promised, and what is running out."""

from dataclasses import dataclass
from typing import Any

from queries.rows import Listing, Rows

_COLUMNS = "sku, location, on_hand, reserved, on_hand - reserved AS available, threshold, low, version"

STOCK_LEVEL = f"SELECT {_COLUMNS} FROM stock_level WHERE sku = $1 AND location = $2"
STOCK_LEVELS = Listing(
    _COLUMNS,
    "stock_level",
    {"sku": "text", "location": "text"},
    filters={"low": "low AND {}", "not_low": "NOT low AND {}", "sku": "sku ^@ {}::text", "location": "location = {}"},
)


@dataclass(frozen=True, slots=True)
class StockLevel:
    """`low`: no more than `threshold` units are available. Without a threshold nothing is low."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    available: int
    threshold: int | None
    low: bool
    version: int


async def stock_level(rows: Rows, sku: str, location: str) -> StockLevel | None:
    row = await rows.fetchrow(STOCK_LEVEL, sku, location)
    return None if row is None else from_row(row)


def from_row(row: Any) -> StockLevel:
    return StockLevel(*row)
