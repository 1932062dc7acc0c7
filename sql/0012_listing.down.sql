DROP TABLE availability, listing_price, listing;
DROP FUNCTION similar_listings(text), search_query(text), plain_text(text);
DROP TEXT SEARCH CONFIGURATION plain;
DROP TEXT SEARCH CONFIGURATION shop;
-- Refused as long as anything else in the database uses them.
DROP EXTENSION unaccent;
DROP EXTENSION pg_trgm;
