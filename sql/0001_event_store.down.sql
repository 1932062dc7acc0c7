DROP FUNCTION append_facts;
DROP FUNCTION add_partition;
DROP TABLE writers, idempotency_keys, head, streams, facts;
DROP FUNCTION refuse_change;
