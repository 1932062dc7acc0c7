"""Products as shoppers see them: one row each, with variants and prices in it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Money, Rows

COLUMNS = (
    "product_id, slug, name, description, category_id, status, attributes::text, variants::text, created_at, version"
)

BY_ID = f"SELECT {COLUMNS} FROM product WHERE product_id = $1"
BY_SLUG = f"SELECT {COLUMNS} FROM product WHERE slug = $1"


@dataclass(frozen=True, slots=True)
class Variant:
    sku: str
    options: dict[str, str]
    prices: list[Money]


@dataclass(frozen=True, slots=True)
class Product:
    product_id: str
    slug: str
    name: str
    description: str
    category_id: str
    status: str
    attributes: dict[str, str | int | float | bool]
    variants: list[Variant]
    created_at: datetime
    version: int


async def product(rows: Rows, id_or_slug: str) -> Product | None:
    by_id = id_or_slug.startswith("prd_")  # a slug has no underscore
    row = await rows.fetchrow(BY_ID if by_id else BY_SLUG, id_or_slug)
    return None if row is None else from_row(row)


def from_row(row: Any) -> Product:
    variants = [
        Variant(variant["sku"], variant["options"], [Money(**price) for price in variant["prices"]])
        for variant in json.loads(row["variants"])
    ]
    return Product(
        row["product_id"],
        row["slug"],
        row["name"],
        row["description"],
        row["category_id"],
        row["status"],
        json.loads(row["attributes"]),
        variants,
        row["created_at"],
        row["version"],
    )
