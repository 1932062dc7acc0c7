"""All products that match, found once: page, facets and total of a search or a count are taken from them."""

from collections.abc import Sequence

from queries.facets import CATEGORY, PRICE, facet_sql
from queries.listing_conditions import all_true, both, qualified
from queries.parameters import Parameters
from queries.wanted import Wanted

COVERED = "product_id, status, category_id, tags, created_at, name_key"
"""What an index of `listing` holds."""


def all_matching(wanted: Wanted, given: Parameters, common: Sequence[str], own: dict[str, str]) -> str:
    """All that meet the common conditions, with a column for each facet's own one.

    What is only similar to the words counts when nothing holds the words themselves."""
    names = dict.fromkeys(["product_id", *(name for name in wanted.key if name != "relevance")])
    columns = [qualified(name) for name in names]
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
        source = source_of(wanted, given, narrow=narrow)
        if not narrow:
            # To count the whole shop is to read all of it. In this order it is an index that is read, not the table.
            source = source.replace("listing l", f"(SELECT {COVERED} FROM listing ORDER BY status, product_id) AS l", 1)
        return f"matching AS MATERIALIZED (SELECT {', '.join(columns)} FROM {source} WHERE {both(*common)}),\n"
    source = source_of(wanted, given)
    words, shown = given(wanted.text), ", ".join(columns)
    # Of two that are found alike the shorter name comes first.
    relevance = "(ts_rank(l.document, query) / (9 + ln(1 + length(l.name_key))))::real"
    # The words become a query once, and no plan rests on which they are: so one plan does for all of them.
    return f"""asked AS MATERIALIZED (SELECT search_query({words}) AS query),
exact AS MATERIALIZED (
    SELECT {shown}, {relevance} AS relevance
      FROM {source} CROSS JOIN asked WHERE {both("l.document @@ query", *common)}),
matching AS MATERIALIZED (
    SELECT * FROM exact UNION ALL
    SELECT {shown}, alike.relevance FROM similar_listings({words}) AS alike
      JOIN {source.replace("listing l", "listing l ON l.product_id = alike.product_id", 1)}
     WHERE {both("NOT EXISTS (SELECT FROM exact)", *common)}),
"""


def source_of(wanted: Wanted, given: Parameters, *, narrow: bool = True) -> str:
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


def facets_of(wanted: Wanted, given: Parameters, own: dict[str, str]) -> str:
    """Their JSON, or nothing."""
    names = {facet: f"own_{number}" for number, facet in enumerate(own)}
    counts = []
    for facet in wanted.facets:
        others = both(*(column for other, column in names.items() if other != facet))
        counts.append(f"{given(facet)}::text, {facet_sql(facet, wanted.currency, others, given)}")
    return f"json_build_object({', '.join(counts)})::text" if counts else "NULL::text"


def total_of(wanted: Wanted, own: dict[str, str]) -> str:
    return f"(SELECT count(*) FROM matching WHERE {all_true(own)})" if wanted.total else "NULL::bigint"
