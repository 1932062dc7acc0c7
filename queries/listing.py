"""Lists of products: searched, filtered, sorted and counted, each in one statement.

A plain list walks an index to its page. With a search, facets or a total, all that match are found first, and page
and counts are taken from them. Facets are disjunctive: the filter on a facet does not narrow that facet's own counts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from queries import product
from queries.listing_sql import SORTS, Sort, Wanted, statement
from queries.product import Product
from queries.rows import Key, Part, Rows, Window

__all__ = ["SORTS", "Found", "ListedProduct", "Sort", "Wanted", "from_row", "products", "statement"]


@dataclass(frozen=True, slots=True)
class ListedProduct(Product):
    """A product with what lists say of its stock."""

    in_stock: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a list, and what was counted."""

    part: Part
    facets: dict[str, Any] = field(default_factory=dict)
    total: int | None = None


async def products(rows: Rows, wanted: Wanted, window: Window) -> Found:
    """One statement. A page before rows that have gone meanwhile is the first one, and takes a second."""
    sql, values = statement(wanted, window)
    found = await rows.fetch(sql, *values)
    counted = json.loads(found[0]["counted"] or "{}") if found else {}
    found = [row for row in found if row["product_id"] is not None]
    if window.backwards and not found and window.key is not None:
        return await products(rows, wanted, Window(window.limit))
    part = _part(found, window, tuple(wanted.key))
    return Found(part, counted.get("facets") or {}, counted.get("total"))


def from_row(row: Any) -> ListedProduct:
    return ListedProduct(*(*product.values_of(row), row["in_stock"]))


def _part(found: list[Any], window: Window, key: Sequence[str]) -> Part:
    """As `queries.rows.Listing` makes it."""
    rows, more = found[: window.limit], len(found) > window.limit
    if window.backwards:
        rows.reverse()
    if not rows:
        return Part((), None, None)
    first, last = (_key_of(row, key) for row in (rows[0], rows[-1]))
    if window.backwards:
        return Part(rows, first if more else None, last)
    return Part(rows, first if window.key is not None else None, last if more else None)


def _key_of(row: Any, key: Sequence[str]) -> Key:
    return tuple(row[column] for column in key)
