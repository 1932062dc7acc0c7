DROP FUNCTION accesses_pruned;
DROP TABLE accesses;
