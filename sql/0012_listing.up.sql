-- What product lists filter, sort, search and count by. Both extensions are trusted: whoever owns the database may
-- create them.
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Words as the shop's language stems them, and as they are written; neither knows accents. For another language see
-- docs/search.md.
CREATE TEXT SEARCH CONFIGURATION shop (COPY = english);
ALTER TEXT SEARCH CONFIGURATION shop ALTER MAPPING FOR hword, hword_part, word WITH unaccent, english_stem;
CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION plain ALTER MAPPING FOR hword, hword_part, word WITH unaccent, simple;

-- Immutable as long as nobody edits the dictionary's rules: then the listing is to be rebuilt.
CREATE FUNCTION plain_text(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(unaccent('unaccent'::regdictionary, words));

-- All words must be there, each stemmed or as it is written; the last one may be the beginning of a word. What the
-- caller wrote becomes lexemes before it becomes a query, so nothing in it is an operator.
CREATE FUNCTION search_query(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN (
    SELECT string_agg('(' || concat_ws(' | ', quoted || CASE WHEN is_last AND length(lexeme) > 1 THEN ':*' ELSE '' END, stem) || ')',
                      ' & ')::tsquery
      FROM (SELECT lexeme, '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''' AS quoted,
                   positions[1] = max(positions[1]) OVER () AS is_last,
                   (SELECT '''' || replace(replace(min(stemmed.lexeme), '\', '\\'), '''', '''''') || ''''
                      FROM unnest(to_tsvector('shop', written.lexeme)) AS stemmed) AS stem
              FROM unnest(to_tsvector('plain', words)) AS written) AS each
     WHERE stem IS NOT NULL OR is_last);

CREATE TABLE listing (
    product_id  text        NOT NULL PRIMARY KEY,
    name        text        NOT NULL,
    description text        NOT NULL,
    category_id text        NOT NULL,
    status      text        NOT NULL,
    attributes  json        NOT NULL,
    options     json        NOT NULL,   -- of the variants, by SKU
    tags        jsonb       NOT NULL,   -- attributes and options as "name=value", each once: for filters and facets
    words       text        NOT NULL,   -- what is found beside name and description
    created_at  timestamptz NOT NULL,
    name_key    text        COLLATE "C" NOT NULL GENERATED ALWAYS AS (plain_text(name)) STORED,
    document    tsvector    NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('shop', name), 'A') || setweight(to_tsvector('plain', name), 'A')
        || setweight(to_tsvector('shop', words), 'B') || setweight(to_tsvector('plain', words), 'B')
        || setweight(to_tsvector('shop', description), 'C') || setweight(to_tsvector('plain', description), 'C')) STORED
);
CREATE INDEX listing_newest ON listing (status, created_at, product_id);
CREATE INDEX listing_newest_of_all ON listing (created_at, product_id);
CREATE INDEX listing_named ON listing (status, name_key, product_id);
CREATE INDEX listing_named_of_all ON listing (name_key, product_id);
CREATE INDEX listing_category ON listing (category_id, status, created_at, product_id);
CREATE INDEX listing_category_named ON listing (category_id, status, name_key, product_id);
-- Counting the facets of the whole shop reads this, and not the table.
CREATE INDEX listing_facets ON listing (status, product_id) INCLUDE (category_id, tags, created_at, name_key);
CREATE INDEX listing_tags ON listing USING gin (tags) WITH (fastupdate = off);
CREATE INDEX listing_document ON listing USING gin (document) WITH (fastupdate = off);
CREATE INDEX listing_similar ON listing USING gin (name_key gin_trgm_ops) WITH (fastupdate = off);

-- By name, with the index; what is at least this similar counts as a typo. A body of text finds the table by its name,
-- also when a rebuild has put another one in its place.
CREATE FUNCTION similar_listings(asked text) RETURNS TABLE (product_id text, relevance real)
    LANGUAGE sql STABLE STRICT ROWS 100 SET pg_trgm.word_similarity_threshold = 0.45 AS $$
    SELECT product_id, word_similarity(plain_text(asked), name_key) FROM listing WHERE name_key %> plain_text(asked)
$$;

-- The price of a product, from and to, in each currency that it is sold in.
CREATE TABLE listing_price (
    product_id text   NOT NULL,
    currency   text   NOT NULL,
    by_sku     json   NOT NULL,
    min_minor  bigint NOT NULL,
    max_minor  bigint NOT NULL,
    PRIMARY KEY (product_id, currency)
);
CREATE INDEX listing_price_from ON listing_price (currency, min_minor, product_id);

-- Whether an article can be had. Its units move all the time, in place: no index names them.
CREATE TABLE availability (
    sku        text    NOT NULL PRIMARY KEY,
    product_id text,
    units      bigint  NOT NULL,
    in_stock   boolean NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX availability_in_stock ON availability (product_id) WHERE in_stock;
