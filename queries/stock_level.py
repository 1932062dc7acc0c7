"""How much of each SKU is on hand at each location, how much of that is promised, and what is running out."""

from dataclasses import dataclass
from typing import Any

from queries.rows import Listing, Rows

_COLUMNS = "sku, location, on_hand, reserved, on_hand - reserved AS available, threshold, low, version"

STOCK_LEVEL = f"SELECT {_COLUMNS} FROM stock_level WHERE sku = $1 AND location = $2"
# A row that waits for a parked fact says nothing.
UNITS_AT = """SELECT coalesce(sum(on_hand), 0)::bigint AS units, count(*) AS skus,
        EXISTS (SELECT FROM parked WHERE projection = 'stock_level') AS unsure,
        coalesce((SELECT position FROM projections WHERE name = 'stock_level'), 0) AS position
    FROM stock_level WHERE location = $1 AND on_hand > 0"""
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


@dataclass(frozen=True, slots=True)
class Contents:
    """`unsure`: facts about stock are parked, so there may be more. `position`: how far these rows were, as the same
    statement saw it."""

    units: int
    skus: int
    unsure: bool
    position: int


async def contents(rows: Rows, location: str) -> Contents:
    """What is on hand at a location; what is reserved there is part of it."""
    return Contents(*await rows.fetchrow(UNITS_AT, location))


def from_row(row: Any) -> StockLevel:
    return StockLevel(*row)
