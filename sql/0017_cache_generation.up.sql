-- What was read before the generation changed is good for no cache: a read table has been replaced or mended, and its
-- position says nothing of it. One row.
CREATE TABLE cache_generation (
    is_only    boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (is_only),
    generation bigint  NOT NULL
);
INSERT INTO cache_generation (generation) VALUES (0);
