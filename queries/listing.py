"""Lists of products: searched, filtered, sorted and counted, each in one statement.

A plain list walks an index to its page. With a search, facets or a total, all that match are found first, and page
and counts are taken from them. Facets are disjunctive: the filter on a facet does not narrow that facet's own counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from queries.listing_sql import statement
from queries.product import Product
from queries.rows import Key, Rows, Window
from queries.wanted import SORTS, Sort, Wanted

__all__ = ["SORTS", "Found", "ListedProduct", "Sort", "Wanted", "products", "statement"]


@dataclass(frozen=True, slots=True)
class ListedProduct(Product):
    """A product with what lists say of its stock."""

    in_stock: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a list, the keys to go on from in both directions, where there is more, and what was counted."""

    products: str
    """JSON: ListedProducts, in the list's order."""
    previous: Key | None
    next: Key | None
    facets: str | None
    """JSON: by name, where facets were asked for."""
    total: int | None


async def products(rows: Rows, wanted: Wanted, window: Window) -> Found:
    """One statement. A page before rows that have gone meanwhile is the first one, and takes a second."""
    sql, values = statement(wanted, window)
    [row] = await rows.fetch(sql, *values)
    if window.backwards and not row["found"] and window.key is not None:
        return await products(rows, wanted, Window(window.limit))
    return Found(row["products"] or "[]", *_ends(row, window, wanted.key), row["facets"], row["total"])


def _ends(row: Any, window: Window, key: Iterable[str]) -> tuple[Key | None, Key | None]:
    """The keys of the pages before and behind this one."""
    if not row["found"]:
        return None, None
    first, last = (tuple(row[f"{end}_{column}"] for column in key) for end in ("first", "last"))
    more = row["found"] > window.limit
    if window.backwards:
        return last if more else None, first
    return first if window.key is not None else None, last if more else None
