-- When staff want to know that something is running out, and whether it is.
ALTER TABLE stock_level ADD threshold bigint, ADD low boolean NOT NULL DEFAULT false;
ALTER TABLE stock_level ALTER low DROP DEFAULT;
CREATE INDEX stock_level_low ON stock_level (sku, location) WHERE low;
CREATE INDEX stock_level_location ON stock_level (location, sku);
