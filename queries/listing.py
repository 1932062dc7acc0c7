"""Lists of products: searched, filtered, sorted and counted, each in one statement.

A plain list walks an index to its page. With a search, facets or a total, all that match are found first, and page
and counts are taken from them. Facets are disjunctive: the filter on a facet does not narrow that facet's own counts.
"""

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
    found = await rows.fetch(sql, *values)
    facets, total = found[0]["facets"], found[0]["total"]
    found = [row for row in found if row["product_id"] is not None]
    shown, more = found[: window.limit], len(found) > window.limit
    if window.backwards:
        if not shown and window.key is not None:
            return await products(rows, wanted, Window(window.limit))
        shown.reverse()
    previous, further = (more, window.key is not None) if window.backwards else (window.key is not None, more)
    return Found(
        # What is listed may not have its card yet, as each table is projected for itself: the page goes on without.
        f"[{','.join(_listed(row) for row in shown if row['card'] is not None)}]",
        _key(shown[0], wanted) if shown and previous else None,
        _key(shown[-1], wanted) if shown and further else None,
        facets,
        total,
    )


def _listed(row: Any) -> str:
    """The JSON of a ListedProduct."""
    return f'{row["card"][:-1]},"in_stock":{"true" if row["in_stock"] else "false"}}}'


def _key(row: Any, wanted: Wanted) -> Key:
    return tuple(row[column] for column in wanted.key)
