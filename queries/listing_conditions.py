"""Conditions and order of a list of products, as SQL over `listing l` and, where prices are asked for, `lp`."""

from itertools import zip_longest

from queries.facets import CATEGORY, PRICE
from queries.parameters import Parameters
from queries.rows import Window
from queries.wanted import Wanted

STATUSES = ("draft", "active", "archived")
SUBTREE = """(WITH RECURSIVE below AS (
        SELECT category_id FROM category WHERE {} IN (category_id, slug)
        UNION SELECT c.category_id FROM category c JOIN below b ON c.parent_id = b.category_id
    ) SELECT category_id FROM below)"""
_BELOW = f"l.category_id = ANY (ARRAY{SUBTREE})"
IN_STOCK = "EXISTS (SELECT FROM availability a WHERE a.product_id = {}.product_id AND a.in_stock)"


def conditions_of(wanted: Wanted, given: Parameters) -> tuple[list[str], dict[str, str]]:
    """Those that all must meet, and those of a facet, which its own counts leave aside."""
    common: list[str] = []
    own: dict[str, str] = {}

    def add(facet: str, condition: str) -> None:
        if facet in wanted.facets:
            own[facet] = condition
        else:
            common.append(condition)

    if wanted.status in STATUSES:
        common.append(f"l.status = '{wanted.status}'")
    if wanted.category is not None:
        add(CATEGORY, _BELOW.format(given(wanted.category)))
    for name, values in wanted.tags:
        add(name, f"l.tags ?| {given([f'{name}={value}' for value in values])}::text[]")
    bounds = [("min_minor >= ", wanted.price_from), ("min_minor <= ", wanted.price_to)]
    prices = [f"{bound}{given(value)}::bigint" for bound, value in bounds if value is not None]
    if prices:
        add(PRICE, both(*prices))
    if any(sort.name == "price" for sort in wanted.sort) and PRICE in wanted.facets:
        common.append("min_minor IS NOT NULL")  # what has no price has no place in the order
    if wanted.in_stock is not None:
        common.append(("" if wanted.in_stock else "NOT ") + IN_STOCK.format("l"))
    return common, own


def beyond(wanted: Wanted, window: Window, given: Parameters) -> str:
    """Behind the key of the window in this order, or before it. Row by row where all fields run the same way, so that
    an index finds the place."""
    if window.key is None:
        return "true"
    columns = [qualified(name) if not wanted.is_whole else name for name in wanted.key]
    bounds = [f"{given(value)}::{kind}" for value, kind in zip(window.key, wanted.key.values(), strict=True)]
    falling = [descending != window.backwards for descending in _directions(wanted)]
    if len(set(falling)) == 1:
        return f"({', '.join(columns)}) {'<' if falling[0] else '>'} ({', '.join(bounds)})"
    ways = []
    for place, (column, bound, falls) in enumerate(zip(columns, bounds, falling, strict=True)):
        same = [f"{one} = {other}" for one, other in zip(columns[:place], bounds[:place], strict=True)]
        ways.append(both(*same, f"{column} {'<' if falls else '>'} {bound}"))
    return f"({' OR '.join(f'({way})' for way in ways)})"


def order(wanted: Wanted, backwards: bool) -> str:
    ways = zip_longest(wanted.key, _directions(wanted))
    return ", ".join(f"{name} DESC" if falls != backwards else name for name, falls in ways)


def _directions(wanted: Wanted) -> list[bool]:
    """Whether each field of the key falls; the id, which only tells rows apart, goes with the last one."""
    falling = [sort.descending for sort in wanted.sort]
    return [*falling, falling[-1]]


def qualified(column: str) -> str:
    return f"lp.{column}" if column == "min_minor" else f"l.{column}"


def all_true(own: dict[str, str]) -> str:
    return both(*(f"own_{number}" for number in range(len(own))))


def both(*conditions: str) -> str:
    return " AND ".join(each for each in conditions if each != "true") or "true"
