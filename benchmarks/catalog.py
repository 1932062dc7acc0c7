"""A generated catalog of the real one's size, written into the read tables as projections would have filled them."""

import asyncpg

PRODUCTS = 92_331
"""As many as the real data set has (The Complete Journey)."""
DEPARTMENTS, AISLES = 20, 15
CURRENCY = "EUR"

NOUNS = """kettle mug plate bowl spoon fork knife pan pot lid tray jug glass bottle basket lamp candle vase clock mirror
    chair stool table shelf bench cushion blanket towel curtain rug pillow apron hammer saw drill chisel wrench ladder
    bucket broom brush shovel rake hose lantern tent rope hook pencil notebook ruler eraser envelope globe puzzle kite
    drum whistle ball racket""".split()
ADJECTIVES = """small large round square tall flat deep narrow wide heavy light folding hanging portable classic modern
    rustic nordic garden travel kitchen office kids outdoor double single striped dotted plain glossy matte antique
    stackable insulated handmade""".split()
MATERIALS = """copper steel oak walnut bamboo cotton linen wool ceramic stoneware porcelain enamel iron brass marble
    leather canvas felt cork silicone glassfibre birch maple jute hemp silk velvet denim granite slate""".split()
COLOURS = "red blue green black white grey yellow orange purple pink brown teal".split()

_CATEGORIES = """INSERT INTO category
    SELECT 'cat_d' || d, 'department-' || d, 'Department ' || d, NULL, false, 1 FROM generate_series(0, $1::int - 1) d
    UNION ALL
    SELECT 'cat_d' || d || 'a' || a, 'aisle-' || d || '-' || a, 'Aisle ' || a, 'cat_d' || d, false, 1
      FROM generate_series(0, $1::int - 1) d, generate_series(0, $2::int - 1) a"""
# What a product is follows from its number; the hash only shuffles it.
_GENERATED = """CREATE TEMPORARY TABLE generated AS
    SELECT n, 'prd_' || lpad(n::text, 26, '0') AS product_id, 'SKU-' || n AS sku, h,
           initcap(concat_ws(' ', ($2::text[])[1 + h % cardinality($2::text[])],
                             ($3::text[])[1 + h / 64 % cardinality($3::text[])],
                             ($4::text[])[1 + h / 4096 % cardinality($4::text[])], n)) AS name,
           ($5::text[])[1 + h / 7 % cardinality($5::text[])] AS colour, 'brand ' || h / 11 % 200 AS brand,
           'cat_d' || h % $6::int || 'a' || h / 31 % $7::int AS category_id, 100 + h / 13 % 20000 AS price,
           timestamptz '2020-01-01' + n * interval '1 minute' AS created_at
      FROM (SELECT n, abs(hashint4(n)::bigint) AS h FROM generate_series(1, $1::int) n) AS numbers"""
_INDEXES = """SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index WHERE NOT indisprimary
     AND indrelid = ANY ('{product,listing,listing_price,availability}'::regclass[])"""
_FILL = (
    """INSERT INTO product
    SELECT product_id, 'product-' || n, name, 'A thing for every day, number ' || n || '.', category_id, 'active',
           json_build_object('brand', brand),
           json_build_array(json_build_object('sku', sku, 'options', json_build_object('color', colour), 'prices',
                                              json_build_array(json_build_object('amount', price, 'currency', 'EUR')),
                                              'tax_class', 'standard', 'weight_g', NULL, 'compare_at', '{}'::int[])),
           created_at, 3 FROM generated""",
    """INSERT INTO listing
    SELECT product_id, name, 'A thing for every day, number ' || n || '.', category_id, 'active',
           json_build_object('brand', brand), json_build_object(sku, json_build_object('color', colour)),
           jsonb_build_array('brand=' || brand, 'color=' || colour), brand || ' ' || colour || ' ' || sku, created_at
      FROM generated""",
    """INSERT INTO listing_price
    SELECT product_id, 'EUR', json_build_object(sku, price), price, price FROM generated""",
    """INSERT INTO availability SELECT sku, product_id, 10, h % 10 > 0 FROM generated""",
)


async def fill(url: str, products: int = PRODUCTS) -> None:
    """Into empty read tables; with statistics, as autovacuum would have gathered them."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_CATEGORIES, DEPARTMENTS, AISLES)
        words = (ADJECTIVES, MATERIALS, NOUNS, COLOURS)
        await connection.execute(_GENERATED, products, *words, DEPARTMENTS, AISLES)
        async with connection.transaction():
            indexes = await connection.fetch(_INDEXES)  # made anew when all is there, which takes half the time
            for index in indexes:
                await connection.execute(f"DROP INDEX {index['name']}")
            for statement in _FILL:
                await connection.execute(statement)
            for index in indexes:
                await connection.execute(index["definition"])
        await connection.execute("VACUUM (ANALYZE) product, listing, listing_price, availability, category")
    finally:
        await connection.close()
