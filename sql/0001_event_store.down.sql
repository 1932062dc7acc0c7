DROP FUNCTION append_facts;
DROP TABLE idempotency_keys, head, streams, facts;
DROP FUNCTION refuse_change;
