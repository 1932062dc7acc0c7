"""The catalog as a table, page by page in the order of products: a row for each variant and currency."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from queries.rows import Rows

PRODUCTS_AT_ONCE = 500

# A category that was removed has no slug any more; its id still names it.
CATALOG_PAGE = """SELECT p.product_id, p.slug, p.name, p.description, p.status, p.attributes::text, p.variants::text,
           p.media::text, CASE WHEN c.removed IS FALSE THEN c.slug ELSE p.category_id END AS category
    FROM product p LEFT JOIN category c ON c.category_id = p.category_id
    WHERE p.product_id > $1 ORDER BY p.product_id LIMIT $2::int"""
ATTRIBUTE_NAMES = "SELECT DISTINCT json_object_keys(attributes) AS name FROM product ORDER BY name"
OPTION_NAMES = """SELECT DISTINCT json_object_keys(variant -> 'options') AS name
    FROM product, json_array_elements(variants) AS variant ORDER BY name"""

TableRow = dict[str, Any]


async def catalog_pages(rows: Rows) -> AsyncIterator[list[TableRow]]:
    """Rows as an import takes them. What a product says of itself stands in its first row alone; nothing is None."""
    after = ""
    while page := await rows.fetch(CATALOG_PAGE, after, PRODUCTS_AT_ONCE):
        yield [row for product in page for row in _of_product(product)]
        after = page[-1]["product_id"]


async def group_columns(rows: Rows) -> list[str]:
    """A column for every attribute and option that is in use."""
    attributes, options = await rows.fetch(ATTRIBUTE_NAMES), await rows.fetch(OPTION_NAMES)
    return [*(f"attributes.{row['name']}" for row in attributes), *(f"options.{row['name']}" for row in options)]


def _of_product(product: Any) -> Iterator[TableRow]:
    said = {name: product[name] for name in ("slug", "name", "description", "category", "status")}
    said |= {name: value for name in ("attributes", "media") if (value := json.loads(product[name]))}
    variants = json.loads(product["variants"])
    if not variants:
        yield said
    for variant in variants:
        for row in _of_variant(variant):
            yield {"slug": product["slug"], **said, **row}
            said = {}


def _of_variant(variant: Any) -> Iterator[TableRow]:
    said = {"tax_class": variant.get("tax_class", "standard")}
    said |= {name: value for name in ("options", "weight_g") if (value := variant.get(name)) not in (None, {})}
    compared = {each["currency"]: each["amount"] for each in variant.get("compare_at", ())}
    for price in variant["prices"]:
        row = {"sku": variant["sku"], **said, "price_minor": price["amount"], "currency": price["currency"]}
        if price["currency"] in compared:
            row["compare_at_minor"] = compared[price["currency"]]
        yield row
        said = {}
