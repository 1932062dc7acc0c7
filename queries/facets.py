"""How products that match are counted, by category, price, attribute or option: expressions over `matching`."""

from queries.parameters import Parameters

CATEGORY, PRICE = "category", "price"
VALUES_MAX = 100
PRICE_STEPS_MINOR = (0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
"""Where the ranges of the price facet begin."""

# A category counts what is in it and in all categories below it.
_CATEGORIES = """(SELECT coalesce(json_agg(json_build_object('value', c.category_id, 'slug', c.slug, 'name', c.name,
            'parent_id', c.parent_id, 'count', n) ORDER BY n DESC, c.slug), '[]')
    FROM (WITH RECURSIVE counted AS MATERIALIZED (
                SELECT category_id, count(*) AS n FROM matching WHERE {others} GROUP BY category_id
            ), above AS (
                SELECT category_id AS leaf, category_id FROM counted
                UNION SELECT above.leaf, c.parent_id FROM above JOIN category c USING (category_id)
                 WHERE c.parent_id IS NOT NULL
            ) SELECT above.category_id, sum(n)::bigint AS n FROM above JOIN counted ON counted.category_id = leaf
              GROUP BY above.category_id) AS totals
    JOIN category c ON c.category_id = totals.category_id WHERE NOT c.removed)"""
_PRICES = """(SELECT json_build_object('min', min(low), 'max', max(high),
        'ranges', coalesce(json_agg(json_build_object('gte', step, 'lt', next_step, 'count', n) ORDER BY step), '[]'),
        'currency', {currency})
    FROM (SELECT steps[width_bucket(min_minor, steps)] AS step, steps[width_bucket(min_minor, steps) + 1] AS next_step,
                 count(*) AS n, min(min_minor) AS low, max(min_minor) AS high
            FROM matching, (SELECT {steps}::bigint[] AS steps) AS given
           WHERE min_minor IS NOT NULL AND {others} GROUP BY 1, 2) AS ranges)"""
_VALUES = """(SELECT coalesce(json_agg(json_build_object('value', value, 'count', n) ORDER BY n DESC, value), '[]')
    FROM (SELECT substr(tag, length({name}::text) + 2) AS value, count(*) AS n
            FROM matching, jsonb_array_elements_text(tags) AS tag
           WHERE starts_with(tag, {name}::text || '=') AND {others}
           GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {most}) AS counts)"""


def facet_sql(facet: str, currency: str, others: str, given: Parameters) -> str:
    """The JSON of one facet, over those of `matching` that `others` is true of, prices in `currency`."""
    if facet == CATEGORY:
        return _CATEGORIES.format(others=others)
    if facet == PRICE:
        return _PRICES.format(others=others, steps=given(list(PRICE_STEPS_MINOR)), currency=given.once(currency))
    return _VALUES.format(name=given.once(facet), others=others, most=VALUES_MAX)
