"""Products as shoppers see them: one row each, with variants and prices in it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Money, Rows

COLUMNS = (
    "product_id, slug, name, description, category_id, status, attributes::text, variants::text, created_at, version, "
    "media::text"
)

BY_ID = f"SELECT {COLUMNS} FROM product WHERE product_id = $1"
BY_SLUG = f"SELECT {COLUMNS} FROM product WHERE slug = $1"
SLUG_NOW = """SELECT p.slug FROM product_link s JOIN product p ON p.product_id = s.product_id
    WHERE s.slug = $1 AND (p.status = 'active' OR $2)"""


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, film or document that lies elsewhere."""

    url: str
    alt: str
    kind: str


@dataclass(frozen=True, slots=True)
class Variant:
    """`compare_at` are prices to be shown beside those of the same currency, struck through."""

    sku: str
    options: dict[str, str]
    prices: list[Money]
    tax_class: str
    weight_g: int | None
    compare_at: list[Money]


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
    media: list[Media]


async def product(rows: Rows, id_or_slug: str) -> Product | None:
    by_id = id_or_slug.startswith("prd_")  # a slug has no underscore
    row = await rows.fetchrow(BY_ID if by_id else BY_SLUG, id_or_slug)
    return None if row is None else from_row(row)


async def slug_now(rows: Rows, former: str, *, everything: bool) -> str | None:
    """The slug of the product that had this one before; with `everything` also of one that is not on sale."""
    slug: str | None = await rows.fetchval(SLUG_NOW, former, everything)
    return slug


def from_row(row: Any) -> Product:
    return Product(*values_of(row))


def values_of(row: Any) -> tuple[Any, ...]:
    """The fields of a Product, in their order."""
    return (
        row["product_id"],
        row["slug"],
        row["name"],
        row["description"],
        row["category_id"],
        row["status"],
        json.loads(row["attributes"]),
        [_variant(variant) for variant in json.loads(row["variants"])],
        row["created_at"],
        row["version"],
        [Media(**each) for each in json.loads(row["media"])],
    )


def _variant(stored: dict[str, Any]) -> Variant:
    """Rows that were folded before a variant had all of this say nothing of it."""
    return Variant(
        stored["sku"],
        stored["options"],
        [Money(**price) for price in stored["prices"]],
        stored.get("tax_class", "standard"),
        stored.get("weight_g"),
        [Money(**price) for price in stored.get("compare_at", ())],
    )
