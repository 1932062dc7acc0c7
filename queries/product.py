"""Products as shoppers see them: one row each, with variants and prices in it."""

from dataclasses import dataclass
from datetime import datetime

from queries.rows import Group, Money, Rows

_COLUMNS = "product_id, status, version, card"
SEVERAL = f"SELECT {_COLUMNS}, product_id AS stream FROM product WHERE product_id = ANY ($1::text[])"
BY_SLUG = f"SELECT {_COLUMNS} FROM product WHERE slug = $1"
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


@dataclass(frozen=True, slots=True)
class Card:
    """A product as it is shown: `json` is a Product."""

    product_id: str
    status: str
    version: int
    json: str


async def product(rows: Rows, group: Group, id_or_slug: str) -> Card | None:
    """By id together with those that others ask for at the same time; `group` reads by `SEVERAL`."""
    if is_id(id_or_slug):
        found = await group.rows([id_or_slug])
        row = found[0] if found else None
    else:
        row = await rows.fetchrow(BY_SLUG, id_or_slug)
    return None if row is None else Card(row["product_id"], row["status"], row["version"], row["card"])


def is_id(id_or_slug: str) -> bool:
    return id_or_slug.startswith("prd_")  # a slug has no underscore


async def slug_now(rows: Rows, former: str, *, everything: bool) -> str | None:
    """The slug of the product that had this one before; with `everything` also of one that is not on sale."""
    slug: str | None = await rows.fetchval(SLUG_NOW, former, everything)
    return slug
