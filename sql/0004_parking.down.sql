ALTER TABLE projections DROP COLUMN facts_per_s;
DROP TABLE parked;
