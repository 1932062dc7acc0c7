-- The book of original entry: facts, the streams they belong to, and the one function that appends them.

CREATE TABLE facts (
    position        bigint      NOT NULL PRIMARY KEY,
    id              uuid        NOT NULL,
    stream          text        NOT NULL,
    version         integer     NOT NULL,
    type            text        NOT NULL,
    schema_version  smallint    NOT NULL,
    body            json        NOT NULL,  -- json, not jsonb: the exact bytes are part of the record
    metadata        json        NOT NULL,
    occurred_at     timestamptz NOT NULL,  -- when it happened in the world
    recorded_at     timestamptz NOT NULL   -- when we learned of it; never goes back along positions
) PARTITION BY RANGE (position);
CREATE INDEX facts_type_position ON facts (type, position);

-- The authority for versions: an index over all partitions of `facts` cannot be unique without the position.
CREATE TABLE streams (
    stream  text    NOT NULL PRIMARY KEY,
    version integer NOT NULL
);

CREATE TABLE head (
    one            boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    position       bigint      NOT NULL,
    recorded_at    timestamptz NOT NULL,
    room_to        bigint      NOT NULL DEFAULT 0,  -- the last position that there is a partition for
    room_per_table bigint      NOT NULL DEFAULT 10000000 CHECK (room_per_table > 0)  -- positions in the next partition
) WITH (fillfactor = 10);
INSERT INTO head (position, recorded_at) VALUES (0, '-infinity');

CREATE TABLE idempotency_keys (
    key          text        NOT NULL PRIMARY KEY,
    request_hash bytea       NOT NULL,
    answer       bytea       NOT NULL,
    position     bigint      NOT NULL,
    recorded_at  timestamptz NOT NULL
);

-- The newest batch of each process that appends. A batch that is sent again after a broken connection is stored once,
-- whichever of the two comes first.
CREATE TABLE writers (
    writer      uuid        NOT NULL PRIMARY KEY,
    batch       bigint      NOT NULL,
    after       bigint      NOT NULL,  -- the batch's facts stand at the positions after this one,
    until       bigint      NOT NULL,  -- and up to this one
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'facts are never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE ON facts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER facts_all_stay BEFORE TRUNCATE ON facts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Makes room for positions to come. Called by appends while half a partition is still free, so none has to wait for it.
CREATE FUNCTION add_partition() RETURNS void LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    room  head;
    added text;
BEGIN
    SELECT * INTO STRICT room FROM head FOR UPDATE;
    added := 'facts_from_' || room.room_to + 1;
    EXECUTE format('CREATE TABLE %I (LIKE facts INCLUDING ALL, UNIQUE (stream, version))', added);
    EXECUTE format('CREATE TRIGGER facts_all_stay BEFORE TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', added);
    EXECUTE format('ALTER TABLE facts ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                   added, room.room_to + 1, room.room_to + room.room_per_table + 1);
    UPDATE head SET room_to = room.room_to + room.room_per_table;
END $$;
SELECT add_partition();

-- Appends a batch of requests, each all or none. Numbers in the arguments count from 1.
--
--   writer, batch   who appends, and the number of the batch among its own: a number that is not higher than the last one
--                   stored is not judged again, and `again_*` are the positions around its facts
--   streams         the distinct streams that the batch reads or writes
--   c_*             one per request and stream, in order of requests: the stream, the version it must have (-1: any),
--                   how many facts go into it (0: a guard), and, if the version it must have counts facts of an append that
--                   is not known to be stored, the request of this batch that has to store them (-1: it is too late for that)
--   r_*             one per request: its first and last condition, its number of facts, its metadata
--   k_*             one per idempotency key: the request it belongs to, a hash of that request, the answer to keep
--   f_*             one per fact, in order: its request, condition and stream, its place in the request and among the request's facts for that stream
--
-- Requests are judged one after another, so a later one may build on an earlier one of the same batch. The lock on
-- `head` is taken first and released by the commit: positions are gapless and in commit order, and two batches never
-- deadlock. It needs READ COMMITTED: the statements after the lock must see what the batch before has committed.
CREATE FUNCTION append_facts(
    writer uuid, batch bigint,
    streams text[],
    c_stream integer[], c_expected integer[], c_facts integer[], c_after integer[],
    r_first_condition integer[], r_last_condition integer[], r_facts integer[], r_metadata text[],
    k_request integer[], k_key text[], k_hash bytea[], k_answer bytea[],
    f_request integer[], f_condition integer[], f_stream text[], f_place integer[], f_step integer[],
    f_id uuid[], f_type text[], f_schema_version smallint[], f_body text[], f_occurred_at timestamptz[],
    OUT head_after bigint,
    OUT at timestamptz,
    OUT again_after bigint, OUT again_until bigint, -- not null: stored before, with its facts at these positions
    OUT r_position bigint[],          -- the position before the request's first fact; -1: refused or replayed
    OUT r_failed_condition integer[], -- the first condition that did not hold; 0: none
    OUT c_version integer[],          -- the version that the condition's stream had
    OUT replayed_request integer[], OUT replayed_hash bytea[], OUT replayed_answer bytea[],
    OUT replayed_position bigint[], OUT replayed_at timestamptz[]
) LANGUAGE plpgsql AS $$
DECLARE
    versions_before integer[];
    versions        integer[];
    head_before     bigint;
    room_to         bigint;
    more_room_from  bigint;
    stored          writers;
    failed          integer;
BEGIN
    SELECT h.position, greatest(clock_timestamp(), h.recorded_at), h.room_to, h.room_to - h.room_per_table / 2
      INTO STRICT head_before, at, room_to, more_room_from
      FROM head h FOR UPDATE;
    head_after := head_before;

    SELECT * INTO stored FROM writers w WHERE w.writer = append_facts.writer AND w.batch >= append_facts.batch;
    IF FOUND THEN
        again_after := stored.after;
        again_until := stored.until;
        at := stored.recorded_at;
        RETURN;
    END IF;

    -- A subquery, not a join: this is planned when the tables are small, and a join would go on reading all of `streams`
    -- until the next ANALYZE. `OFFSET 0` does the same for the keys below.
    SELECT array_agg(coalesce((SELECT s.version FROM streams s WHERE s.stream = wanted.stream), 0) ORDER BY n)
      INTO versions_before
      FROM unnest(append_facts.streams) WITH ORDINALITY AS wanted (stream, n);
    versions := versions_before;

    IF cardinality(k_key) > 0 THEN
        SELECT array_agg(n), array_agg(i.request_hash), array_agg(i.answer), array_agg(i.position),
               array_agg(i.recorded_at)
          INTO replayed_request, replayed_hash, replayed_answer, replayed_position, replayed_at
          FROM unnest(k_request, k_key) AS asked (n, key)
         CROSS JOIN LATERAL (SELECT * FROM idempotency_keys known WHERE known.key = asked.key OFFSET 0) i;
    END IF;
    replayed_request := coalesce(replayed_request, '{}');

    c_version := c_expected;
    r_position := array_fill(-1::bigint, ARRAY[cardinality(r_facts)]);
    r_failed_condition := array_fill(0, ARRAY[cardinality(r_facts)]);
    FOR r IN 1 .. cardinality(r_facts) LOOP
        CONTINUE WHEN r = ANY (replayed_request);
        failed := 0;
        FOR c IN r_first_condition[r] .. r_last_condition[r] LOOP
            c_version[c] := versions[c_stream[c]];
            IF (c_expected[c] >= 0 AND c_version[c] <> c_expected[c])
                OR (c_after[c] <> 0 AND (c_after[c] < 0 OR r_position[c_after[c]] < 0)) THEN
                failed := c;
                EXIT;
            END IF;
        END LOOP;
        IF failed > 0 THEN
            r_failed_condition[r] := failed;
            CONTINUE;
        END IF;
        r_position[r] := head_after;
        IF r_facts[r] > 0 THEN
            head_after := head_after + r_facts[r];
            FOR c IN r_first_condition[r] .. r_last_condition[r] LOOP
                IF c_facts[c] > 0 THEN
                    versions[c_stream[c]] := c_version[c] + c_facts[c];
                END IF;
            END LOOP;
        END IF;
    END LOOP;

    WHILE head_after > more_room_from LOOP
        BEGIN
            PERFORM add_partition();
        EXCEPTION WHEN lock_not_available THEN  -- someone is at work on the table, and a later append tries again
            EXIT WHEN head_after <= room_to;
            RAISE;
        END;
        SELECT h.room_to, h.room_to - h.room_per_table / 2 INTO STRICT room_to, more_room_from FROM head h;
    END LOOP;

    IF head_after > head_before THEN
        INSERT INTO facts (position, id, stream, version, type, schema_version, body, metadata, occurred_at, recorded_at)
        SELECT r.position + f.place, f.id, f.stream, c_version[f.condition] + f.step, f.type, f.schema_version,
               f.body::json, r.metadata::json, coalesce(f.occurred_at, at), at
          FROM unnest(f_request, f_condition, f_stream, f_place, f_step, f_id, f_type, f_schema_version, f_body,
                      f_occurred_at)
               AS f (request, condition, stream, place, step, id, type, schema_version, body, occurred_at)
          JOIN unnest(r_position, r_metadata) WITH ORDINALITY AS r (position, metadata, request) USING (request)
         WHERE r.position >= 0;

        INSERT INTO streams AS s (stream, version)
        SELECT t.stream, t.after FROM unnest(append_facts.streams, versions_before, versions) AS t (stream, before, after)
         WHERE t.after > t.before
            ON CONFLICT (stream) DO UPDATE SET version = excluded.version;

        UPDATE head SET position = head_after, recorded_at = at;
        PERFORM pg_notify('daybook', 'head ' || head_after);
    END IF;

    IF cardinality(k_key) > 0 THEN
        INSERT INTO idempotency_keys (key, request_hash, answer, position, recorded_at)
        SELECT k.key, k.hash, k.answer, r_position[k.request] + r_facts[k.request], at
          FROM unnest(k_request, k_key, k_hash, k_answer) AS k (request, key, hash, answer)
         WHERE r_position[k.request] >= 0;
    END IF;

    UPDATE writers w SET batch = append_facts.batch, after = head_before, until = head_after, recorded_at = append_facts.at
     WHERE w.writer = append_facts.writer;
    IF NOT FOUND THEN
        INSERT INTO writers VALUES (append_facts.writer, append_facts.batch, head_before, head_after, append_facts.at);
    END IF;
END $$;
