"""The one statement behind a list of products, put together for what is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from queries import product
from queries.facets import CATEGORY, PRICE, facet_sql
from queries.parameters import Parameters
from queries.rows import Window

_SORTS = {
    "created_at": ("created_at", "timestamptz"),
    "name": ("name_key", "text"),
    "price": ("min_minor", "bigint"),
    "relevance": ("relevance", "real"),
}
SORTS = tuple(_SORTS)
STATUSES = ("draft", "active", "archived")

_SUBTREE = """(WITH RECURSIVE below AS (
        SELECT category_id FROM category WHERE {} IN (category_id, slug)
        UNION SELECT c.category_id FROM category c JOIN below b ON c.parent_id = b.category_id
    ) SELECT category_id FROM below)"""
_BELOW = f"l.category_id = ANY (ARRAY{_SUBTREE})"
_COVERED = "product_id, status, category_id, tags, created_at, name_key"
SMALL = 1_000
"""Up to so many products of a category are looked at one by one where prices are asked for."""
_BY_CATEGORY = {"created_at", "name_key", "product_id"}
_IN_STOCK = "EXISTS (SELECT FROM availability a WHERE a.product_id = {}.product_id AND a.in_stock)"


@dataclass(frozen=True, slots=True)
class Sort:
    """One field of the order; `name` is one of SORTS."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for. Prices are in minor units of `currency`, and a product's is its lowest."""

    currency: str
    status: str | None = None
    text: str | None = None
    category: str | None = None
    """Id or slug: products of that category and of all below it."""
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Attributes and options by name, each with the values of which one must be there."""
    price_from: int | None = None
    price_to: int | None = None
    in_stock: bool | None = None
    sort: tuple[Sort, ...] = (Sort("created_at", True),)
    facets: tuple[str, ...] = ()
    """Names of attributes and options, `category`, `price`."""
    total: bool = False

    @property
    def key(self) -> dict[str, str]:
        """What tells rows apart in this order, with types, as `queries.rows.Listing` has it."""
        return {**dict(_SORTS[sort.name] for sort in self.sort), "product_id": "text"}

    @property
    def is_priced(self) -> bool:
        sorted_by = any(sort.name == "price" for sort in self.sort)
        return sorted_by or PRICE in self.facets or self.price_from is not None or self.price_to is not None


def statement(wanted: Wanted, window: Window) -> tuple[str, list[Any]]:
    """The SQL of a page with all that is counted beside it, and its parameters."""
    given = Parameters()
    key = ", ".join(wanted.key)
    own: dict[str, str] = {}
    if _is_whole(wanted):
        common, own = _conditions(wanted, given)
        matching = _matching(wanted, given, common, own)
        page = f"SELECT {key} FROM matching WHERE {_both(_all_true(own), _beyond(wanted, window, given))}"
    elif wanted.category and wanted.status and not wanted.is_priced and wanted.key.keys() <= _BY_CATEGORY:
        # The first ones of each category below, by its index: among all products they may be far apart.
        conditions = _both(*_conditions(replace(wanted, category=None), given)[0], _beyond(wanted, window, given))
        matching = ""
        page = f"""SELECT {key} FROM {_SUBTREE.format(given(wanted.category))} AS below CROSS JOIN LATERAL (
        SELECT {key} FROM listing l WHERE l.category_id = below.category_id AND {conditions}
         ORDER BY {_order(wanted, window.backwards)} LIMIT {int(window.limit) + 1}) AS firsts"""
    elif wanted.category and wanted.is_priced:
        matching, page = _priced_below(wanted, wanted.category, window, given)
    else:
        common, own = _conditions(wanted, given)
        conditions = _both(*common, *own.values(), _beyond(wanted, window, given))
        matching = ""
        page = f"SELECT {', '.join(map(_qualified, wanted.key))} FROM {_source(wanted, given)} WHERE {conditions}"
    # The limit is a number of ours, and stands there as it is: a plan for any limit would read the whole list.
    page += f" ORDER BY {_order(wanted, window.backwards)} LIMIT {int(window.limit) + 1}"
    counted = _counted(wanted, given, own)
    keys = [f"page.{column}" for column in wanted.key]
    # What is in the key already comes from there.
    shown = [f"p.{column}" for column in product.COLUMNS.split(", ") if column not in wanted.key]
    sql = f"""WITH RECURSIVE {matching}page AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY {_order(wanted, window.backwards)}) AS place FROM ({page}) AS page)
SELECT {", ".join([*keys, *shown])}, {_IN_STOCK.format("page")} AS in_stock,
    CASE WHEN coalesce(place, 1) = 1 THEN {counted} END AS counted
  FROM (SELECT 1) AS one LEFT JOIN page ON true LEFT JOIN product p ON p.product_id = page.product_id ORDER BY place"""
    return sql, given.values


def _priced_below(wanted: Wanted, category: str, window: Window, given: Parameters) -> tuple[str, str]:
    """A small category is read whole, with its prices. In a large one the next that is wanted is never far."""
    subtree = _SUBTREE.format(given.once(category))
    of_status = _both(*_conditions(Wanted(wanted.currency, wanted.status), given)[0])
    conditions = _both(*_conditions(replace(wanted, category=None), given)[0], _beyond(wanted, window, given))
    found = f"SELECT {', '.join(map(_qualified, wanted.key))} FROM"
    first = f"ORDER BY {_order(wanted, window.backwards)} LIMIT {int(window.limit) + 1}"
    price = f"lp.product_id = l.product_id AND lp.currency = {given.once(wanted.currency)}"
    # OFFSET 0 keeps this from becoming a join with all the prices there are.
    prices = f"CROSS JOIN LATERAL (SELECT min_minor FROM listing_price lp WHERE {price} OFFSET 0) AS lp"
    below = f"""below AS MATERIALIZED (
    SELECT l.* FROM {subtree} AS of CROSS JOIN LATERAL (
        SELECT {_COVERED} FROM listing l WHERE l.category_id = of.category_id AND {of_status} LIMIT {SMALL + 1}) AS l
     LIMIT {SMALL + 1}),
size AS MATERIALIZED (SELECT count(*) <= {SMALL} AS is_small FROM below),
"""
    page = f"""SELECT * FROM (
    ({found} below AS l {prices} WHERE (SELECT is_small FROM size) AND {conditions} {first})
    UNION ALL
    ({found} {_source(wanted, given)}
      WHERE NOT (SELECT is_small FROM size) AND l.category_id = ANY (ARRAY{subtree}) AND {conditions} {first})
    ) AS either"""
    return below, page


def _conditions(wanted: Wanted, given: Parameters) -> tuple[list[str], dict[str, str]]:
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
        add(PRICE, _both(*prices))
    if any(sort.name == "price" for sort in wanted.sort) and PRICE in wanted.facets:
        common.append("min_minor IS NOT NULL")  # what has no price has no place in the order
    if wanted.in_stock is not None:
        common.append(("" if wanted.in_stock else "NOT ") + _IN_STOCK.format("l"))
    return common, own


def _matching(wanted: Wanted, given: Parameters, common: Sequence[str], own: dict[str, str]) -> str:
    """All that meet the common conditions, with a column for each facet's own one.

    What is only similar to the words counts when nothing holds the words themselves."""
    names = dict.fromkeys(["product_id", *(name for name in wanted.key if name != "relevance")])
    columns = [_qualified(name) for name in names]
    if any(facet == CATEGORY for facet in wanted.facets):
        columns.append("l.category_id")
    if any(facet not in (CATEGORY, PRICE) for facet in wanted.facets):
        columns.append("l.tags")
    if PRICE in wanted.facets and "min_minor" not in names:
        columns.append("min_minor")
    columns += [f"{condition} AS own_{number}" for number, condition in enumerate(own.values())]
    if wanted.text is None:
        # Most of the shop is on sale and in stock: only other conditions leave few products to look at.
        narrow = any("l.status" not in condition and "availability" not in condition for condition in common)
        source = _source(wanted, given, narrow=narrow)
        if not narrow:
            # To count the whole shop is to read all of it. In this order it is an index that is read, not the table.
            source = source.replace(
                "listing l", f"(SELECT {_COVERED} FROM listing ORDER BY status, product_id) AS l", 1
            )
        return f"matching AS MATERIALIZED (SELECT {', '.join(columns)} FROM {source} WHERE {_both(*common)}),\n"
    source = _source(wanted, given)
    words, shown = given(wanted.text), ", ".join(columns)
    # Of two that are found alike the shorter name comes first.
    relevance = "(ts_rank(l.document, query) / (9 + ln(1 + length(l.name_key))))::real"
    # The words become a query once, and no plan rests on which they are: so one plan does for all of them.
    return f"""asked AS MATERIALIZED (SELECT search_query({words}) AS query),
exact AS MATERIALIZED (
    SELECT {shown}, {relevance} AS relevance
      FROM {source} CROSS JOIN asked WHERE {_both("l.document @@ query", *common)}),
matching AS MATERIALIZED (
    SELECT * FROM exact UNION ALL
    SELECT {shown}, alike.relevance FROM similar_listings({words}) AS alike
      JOIN {source.replace("listing l", "listing l ON l.product_id = alike.product_id", 1)}
     WHERE {_both("NOT EXISTS (SELECT FROM exact)", *common)}),
"""


def _source(wanted: Wanted, given: Parameters, *, narrow: bool = True) -> str:
    """Prices come by their index where few products are to be expected, or where they are the order."""
    if not wanted.is_priced:
        return "listing l"
    price = f"lp.product_id = l.product_id AND lp.currency = {given.once(wanted.currency)}"
    if PRICE in wanted.facets and narrow:
        # OFFSET 0 keeps this from becoming a join with all the prices there are.
        return (
            f"listing l LEFT JOIN LATERAL (SELECT min_minor FROM listing_price lp WHERE {price} OFFSET 0) AS lp ON true"
        )
    return f"listing l {'LEFT ' if PRICE in wanted.facets else ''}JOIN listing_price lp ON {price}"


def _counted(wanted: Wanted, given: Parameters, own: dict[str, str]) -> str:
    """The JSON of facets and total, or nothing."""
    names = {facet: f"own_{number}" for number, facet in enumerate(own)}
    parts = []
    if wanted.total:
        parts.append(f"'total', (SELECT count(*) FROM matching WHERE {_all_true(own)})")
    if wanted.facets:
        counts = []
        for facet in wanted.facets:
            others = _both(*(column for other, column in names.items() if other != facet))
            counts.append(f"{given(facet)}::text, {facet_sql(facet, others, given)}")
        parts.append(f"'facets', json_build_object({', '.join(counts)})")
    return f"json_build_object({', '.join(parts)})::text" if parts else "NULL::text"


def _beyond(wanted: Wanted, window: Window, given: Parameters) -> str:
    """Behind the key of the window in this order, or before it. Row by row where all fields run the same way, so that
    an index finds the place."""
    if window.key is None:
        return "true"
    columns = [_qualified(name) if not _is_whole(wanted) else name for name in wanted.key]
    bounds = [f"{given(value)}::{kind}" for value, kind in zip(window.key, wanted.key.values(), strict=True)]
    falling = [descending != window.backwards for descending in _directions(wanted)]
    if len(set(falling)) == 1:
        return f"({', '.join(columns)}) {'<' if falling[0] else '>'} ({', '.join(bounds)})"
    ways = []
    for place, (column, bound, falls) in enumerate(zip(columns, bounds, falling, strict=True)):
        same = [f"{one} = {other}" for one, other in zip(columns[:place], bounds[:place], strict=True)]
        ways.append(_both(*same, f"{column} {'<' if falls else '>'} {bound}"))
    return f"({' OR '.join(f'({way})' for way in ways)})"


def _is_whole(wanted: Wanted) -> bool:
    return wanted.text is not None or wanted.total or bool(wanted.facets)


def _order(wanted: Wanted, backwards: bool) -> str:
    ways = zip_longest(wanted.key, _directions(wanted))
    return ", ".join(f"{name} DESC" if falls != backwards else name for name, falls in ways)


def _directions(wanted: Wanted) -> list[bool]:
    """Whether each field of the key falls; the id, which only tells rows apart, goes with the last one."""
    falling = [sort.descending for sort in wanted.sort]
    return [*falling, falling[-1]]


def _qualified(column: str) -> str:
    return f"lp.{column}" if column == "min_minor" else f"l.{column}"


def _all_true(own: dict[str, str]) -> str:
    return _both(*(f"own_{number}" for number in range(len(own))))


def _both(*conditions: str) -> str:
    return " AND ".join(each for each in conditions if each != "true") or "true"
