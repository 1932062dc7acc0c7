ALTER TABLE projections DROP COLUMN source;
