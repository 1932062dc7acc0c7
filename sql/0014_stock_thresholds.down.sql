DROP INDEX stock_level_low, stock_level_location;
ALTER TABLE stock_level DROP threshold, DROP low;
