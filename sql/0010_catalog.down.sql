DROP TABLE price_schedule;
DROP TABLE product_link;
DELETE FROM projections WHERE name IN ('price_schedule', 'product_link');
ALTER TABLE category DROP COLUMN attributes;
ALTER TABLE product DROP COLUMN media;
