-- A product as it is shown, ready to go out: whoever asks for it is sent these bytes, alone or in a list.

-- What a rebuild has replaced long ago, or is about to, may take its place.
ALTER TABLE IF EXISTS product__old ADD COLUMN IF NOT EXISTS media json NOT NULL DEFAULT '[]';
ALTER TABLE IF EXISTS product__new ADD COLUMN IF NOT EXISTS media json NOT NULL DEFAULT '[]';

-- Variants that were folded before they had all of this, written as the projector writes them.
DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['product', 'product__old'] LOOP
        CONTINUE WHEN to_regclass(kept) IS NULL;
        EXECUTE format($update$
            UPDATE %I SET variants = (
                SELECT '[' || string_agg('{"sku":' || (v->'sku')::text || ',"options":' || (v->'options')::text
                           || ',"prices":' || (v->'prices')::text
                           || ',"tax_class":' || coalesce((v->'tax_class')::text, '"standard"')
                           || ',"weight_g":' || coalesce((v->'weight_g')::text, 'null')
                           || ',"compare_at":' || coalesce((v->'compare_at')::text, '[]') || '}', ',' ORDER BY place) || ']'
                  FROM json_array_elements(variants) WITH ORDINALITY AS each (v, place))::json
             WHERE EXISTS (
                SELECT FROM json_array_elements(variants) AS v WHERE v->'tax_class' IS NULL OR v->'compare_at' IS NULL)
            $update$, kept);
    END LOOP;
END $$;

-- Immutable, since nothing here rests on a setting: times are in UTC.
CREATE FUNCTION product_card(product_id text, slug text, name text, description text, category_id text, status text,
    attributes json, variants json, created_at timestamptz, version integer, media json) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    '{"product_id":' || to_json(product_id)::text || ',"slug":' || to_json(slug)::text
    || ',"name":' || to_json(name)::text || ',"description":' || to_json(description)::text
    || ',"category_id":' || to_json(category_id)::text || ',"status":' || to_json(status)::text
    || ',"attributes":' || attributes::text || ',"variants":' || variants::text || ',"created_at":"'
    || rtrim(rtrim(to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.')
    || 'Z","version":' || version::text || ',"media":' || media::text || '}';

ALTER TABLE product ADD COLUMN card text NOT NULL GENERATED ALWAYS AS (product_card(
    product_id, slug, name, description, category_id, status, attributes, variants, created_at, version, media)) STORED;
ALTER TABLE IF EXISTS product__old ADD COLUMN card text NOT NULL GENERATED ALWAYS AS (product_card(
    product_id, slug, name, description, category_id, status, attributes, variants, created_at, version, media)) STORED;
ALTER TABLE IF EXISTS product__new ADD COLUMN card text NOT NULL GENERATED ALWAYS AS (product_card(
    product_id, slug, name, description, category_id, status, attributes, variants, created_at, version, media)) STORED;
