"""The one statement behind a list of products, put together for what is asked."""

from dataclasses import replace
from typing import Any

from queries.listing_conditions import IN_STOCK, SUBTREE, all_true, beyond, both, conditions_of, order, qualified
from queries.listing_matching import COVERED, all_matching, facets_of, source_of, total_of
from queries.parameters import Parameters
from queries.rows import Window
from queries.wanted import Wanted

SMALL = 1_000
"""Up to so many products of a category are looked at one by one where prices are asked for."""
_BY_CATEGORY = {"created_at", "name_key", "product_id"}


def statement(wanted: Wanted, window: Window) -> tuple[str, list[Any]]:
    """The SQL of a page with all that is counted beside it, and its parameters.

    A row for each product, and one more if the list goes on. What is counted is in the first, which is there also if
    nothing is found."""
    given = Parameters()
    key, ways = ", ".join(wanted.key), order(wanted, window.backwards)
    own: dict[str, str] = {}
    matching, limit = "", str(int(window.limit) + 1)
    # The limit is a number of ours, and stands there as it is: a plan for any limit would read the whole list.
    if wanted.is_whole:
        common, own = conditions_of(wanted, given)
        matching = all_matching(wanted, given, common, own)
        page = f"SELECT {key} FROM matching WHERE {both(all_true(own), beyond(wanted, window, given))}"
        if wanted.text is not None:
            # A search ranks all that it finds. A planner that cannot see the limit keeps one plan for all of them.
            limit = f"(SELECT {given(window.limit + 1)}::int)"
    elif wanted.category and wanted.status and not wanted.is_priced and wanted.key.keys() <= _BY_CATEGORY:
        # The first ones of each category below, by its index: among all products they may be far apart.
        conditions = both(*conditions_of(replace(wanted, category=None), given)[0], beyond(wanted, window, given))
        page = f"""SELECT {key} FROM {SUBTREE.format(given(wanted.category))} AS below CROSS JOIN LATERAL (
        SELECT {key} FROM listing l WHERE l.category_id = below.category_id AND {conditions}
         ORDER BY {ways} LIMIT {limit}) AS firsts"""
    elif wanted.category and wanted.is_priced:
        matching, page = _priced_below(wanted, wanted.category, window, given)
    else:
        common, own = conditions_of(wanted, given)
        conditions = both(*common, *own.values(), beyond(wanted, window, given))
        page = f"SELECT {', '.join(map(qualified, wanted.key))} FROM {source_of(wanted, given)} WHERE {conditions}"
    keys = [f"page.{column}" for column in wanted.key]
    sql = f"""WITH RECURSIVE {matching}page AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY {ways}) AS place FROM ({page} ORDER BY {ways} LIMIT {limit}) AS page)
SELECT {", ".join(keys)}, p.card, {IN_STOCK.format("page")} AS in_stock,
    CASE WHEN coalesce(place, 1) = 1 THEN {facets_of(wanted, given, own)} END AS facets,
    CASE WHEN coalesce(place, 1) = 1 THEN {total_of(wanted, own)} END AS total
  FROM (SELECT 1) AS one LEFT JOIN page ON true LEFT JOIN product p ON p.product_id = page.product_id ORDER BY place"""
    return sql, given.values


def _priced_below(wanted: Wanted, category: str, window: Window, given: Parameters) -> tuple[str, str]:
    """A small category is read whole, with its prices. In a large one the next that is wanted is never far."""
    subtree = SUBTREE.format(given.once(category))
    of_status = both(*conditions_of(Wanted(wanted.currency, wanted.status), given)[0])
    conditions = both(*conditions_of(replace(wanted, category=None), given)[0], beyond(wanted, window, given))
    found = f"SELECT {', '.join(map(qualified, wanted.key))} FROM"
    first = f"ORDER BY {order(wanted, window.backwards)} LIMIT {int(window.limit) + 1}"
    price = f"lp.product_id = l.product_id AND lp.currency = {given.once(wanted.currency)}"
    # OFFSET 0 keeps this from becoming a join with all the prices there are.
    prices = f"CROSS JOIN LATERAL (SELECT min_minor FROM listing_price lp WHERE {price} OFFSET 0) AS lp"
    below = f"""below AS MATERIALIZED (
    SELECT l.* FROM {subtree} AS of CROSS JOIN LATERAL (
        SELECT {COVERED} FROM listing l WHERE l.category_id = of.category_id AND {of_status} LIMIT {SMALL + 1}) AS l
     LIMIT {SMALL + 1}),
size AS MATERIALIZED (SELECT count(*) <= {SMALL} AS is_small FROM below),
"""
    page = f"""SELECT * FROM (
    ({found} below AS l {prices} WHERE (SELECT is_small FROM size) AND {conditions} {first})
    UNION ALL
    ({found} {source_of(wanted, given)}
      WHERE NOT (SELECT is_small FROM size) AND l.category_id = ANY (ARRAY{subtree}) AND {conditions} {first})
    ) AS either"""
    return below, page
