-- With which code a table's rows were folded: a rebuild that was interrupted is only resumed by the same code, and a live
-- table that other code has folded can be told. NULL: not known.
ALTER TABLE projections ADD COLUMN source text;
