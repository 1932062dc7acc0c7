-- The audit trail of what is no fact: who has looked at personal data, whose it was, and who was turned away. Ids only.
CREATE TABLE accesses (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    what       text        NOT NULL CHECK (what IN ('read', 'refused')),
    actor      text        NOT NULL,
    route      text        NOT NULL,
    persons    text[]      NOT NULL,
    request_id text        NOT NULL
);
CREATE INDEX accesses_by_actor ON accesses (actor, id);
CREATE INDEX accesses_by_person ON accesses USING gin (persons);
CREATE INDEX accesses_by_age ON accesses (at);

-- A service may add to it and read it. What is old goes this way alone, and nothing of the last month does.
CREATE FUNCTION accesses_pruned(days integer) RETURNS bigint LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM accesses WHERE at < clock_timestamp() - make_interval(days => greatest(days, 30)) RETURNING 1
    ) SELECT count(*) FROM gone
$$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION accesses_pruned SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
END $$;
REVOKE EXECUTE ON FUNCTION accesses_pruned FROM PUBLIC;
