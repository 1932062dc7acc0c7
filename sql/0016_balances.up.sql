-- Facts that commute: appended under a condition on their stream's balance, instead of on its exact version.

ALTER TABLE streams
    ADD COLUMN balance bigint CHECK (balance >= 0),
    ADD COLUMN settled integer;

DROP FUNCTION append_facts;

-- Appends a batch of requests, each all or none. Numbers in the arguments count from 1.
--
--   writer, batch   who appends, and the number of the batch among its own: a number that is not higher than the last one
--                   stored is not judged again, and `again_*` are the positions around its facts
--   streams         the distinct streams that the batch reads or writes
--   c_*             one per request and stream, in order of requests: the stream, the version it must have (-1: any),
--                   how many facts go into it (0: a guard), and, if the version it must have counts facts of an append that
--                   is not known to be stored, the request of this batch that has to store them (-1: it is too late for that)
--   c_balance ...   empty if no stream of the batch has a balance. What the writer knows it to be at the version expected
--                   (-1: nothing), by how much the facts move it, and within which bounds it must then be for the facts to be
--                   right at a later version too (an upper bound of -1: they are right at the expected version only)
--   r_*             one per request: its first and last condition, its number of facts, its metadata
--   k_*             one per idempotency key: the request it belongs to, a hash of that request, the answer to keep
--   f_*             one per fact, in order: its request, condition and stream, its place in the request and among the request's facts for that stream
--
-- A balance is a number that facts of some kinds only move, in whatever order they come. Up to version `settled` a writer
-- must know its stream; if it does, all that it does not know has moved the balance and nothing else. A balance is not
-- known (null) before a writer who knows its stream has said it, after a fact whose writer did not say it, and when a
-- writer who needs the exact version came too late: then all need it, and that one gets its turn.
--
-- Requests are judged one after another, so a later one may build on an earlier one of the same batch. The lock on
-- `head` is taken first and released by the commit: positions are gapless and in commit order, and two batches never
-- deadlock. It needs READ COMMITTED: the statements after the lock must see what the batch before has committed.
CREATE FUNCTION append_facts(
    writer uuid, batch bigint,
    streams text[],
    c_stream integer[], c_expected integer[], c_facts integer[], c_after integer[],
    c_balance bigint[], c_delta bigint[], c_low bigint[], c_high bigint[],
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
    OUT passed_request integer[],     -- stored, and a stream was at a later version than expected
    OUT replayed_request integer[], OUT replayed_hash bytea[], OUT replayed_answer bytea[],
    OUT replayed_position bigint[], OUT replayed_at timestamptz[]
) LANGUAGE plpgsql AS $$
DECLARE
    versions_before integer[];
    versions        integer[];
    balances        bigint[];  -- -1: not known
    settled_to      integer[];
    late            text[] := '{}';
    this            integer;
    head_before     bigint;
    room_to         bigint;
    more_room_from  bigint;
    stored          writers;
    failed          integer;
    passed          boolean;
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
    IF cardinality(c_balance) > 0 THEN
        SELECT array_agg(coalesce(s.balance, -1) ORDER BY n), array_agg(coalesce(s.settled, 0) ORDER BY n)
          INTO balances, settled_to
          FROM unnest(append_facts.streams) WITH ORDINALITY AS wanted (stream, n)
          LEFT JOIN LATERAL (SELECT * FROM streams known WHERE known.stream = wanted.stream OFFSET 0) s ON true;
    END IF;

    IF cardinality(k_key) > 0 THEN
        SELECT array_agg(n), array_agg(i.request_hash), array_agg(i.answer), array_agg(i.position),
               array_agg(i.recorded_at)
          INTO replayed_request, replayed_hash, replayed_answer, replayed_position, replayed_at
          FROM unnest(k_request, k_key) AS asked (n, key)
         CROSS JOIN LATERAL (SELECT * FROM idempotency_keys known WHERE known.key = asked.key OFFSET 0) i;
    END IF;
    replayed_request := coalesce(replayed_request, '{}');

    c_version := c_expected;
    passed_request := '{}';
    r_position := array_fill(-1::bigint, ARRAY[cardinality(r_facts)]);
    r_failed_condition := array_fill(0, ARRAY[cardinality(r_facts)]);
    FOR r IN 1 .. cardinality(r_facts) LOOP
        CONTINUE WHEN r = ANY (replayed_request);
        failed := 0;
        passed := false;
        FOR c IN r_first_condition[r] .. r_last_condition[r] LOOP
            this := c_stream[c];
            c_version[c] := versions[this];
            IF (CASE WHEN c_high[c] >= 0 AND balances[this] >= 0
                     THEN c_expected[c] NOT BETWEEN settled_to[this] AND c_version[c]
                         OR balances[this] + c_delta[c] NOT BETWEEN c_low[c] AND c_high[c]
                     ELSE (c_expected[c] >= 0 AND c_version[c] <> c_expected[c]) END)
                OR (c_after[c] <> 0 AND (c_after[c] < 0 OR r_position[c_after[c]] < 0)) THEN
                failed := c;
                IF c_balance[c] >= 0 AND c_high[c] < 0 AND balances[this] >= 0 AND c_version[c] <> c_expected[c] THEN
                    late := late || streams[this];
                    balances[this] := -1;
                END IF;
                EXIT;
            END IF;
            passed := passed OR (c_high[c] >= 0 AND c_version[c] > c_expected[c]);
        END LOOP;
        IF failed > 0 THEN
            r_failed_condition[r] := failed;
            CONTINUE;
        END IF;
        r_position[r] := head_after;
        IF passed THEN
            passed_request := passed_request || r;
        END IF;
        IF r_facts[r] > 0 THEN
            head_after := head_after + r_facts[r];
            FOR c IN r_first_condition[r] .. r_last_condition[r] LOOP
                IF c_facts[c] > 0 THEN
                    this := c_stream[c];
                    versions[this] := c_version[c] + c_facts[c];
                    IF c_high[c] >= 0 AND balances[this] >= 0 THEN
                        balances[this] := balances[this] + c_delta[c];
                    ELSIF c_balance[c] >= 0 OR balances[this] >= 0 THEN
                        balances[this] := CASE WHEN c_balance[c] < 0 THEN -1 ELSE greatest(c_balance[c] + c_delta[c], -1) END;
                        settled_to[this] := CASE WHEN c_high[c] >= 0 THEN c_expected[c] ELSE versions[this] END;
                    END IF;
                END IF;
            END LOOP;
        END IF;
    END LOOP;

    IF cardinality(late) > 0 THEN
        UPDATE streams known SET balance = NULL WHERE known.stream = ANY (late);
    END IF;

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

        INSERT INTO streams (stream, version, balance, settled)
        SELECT t.stream, t.after, nullif(t.balance, -1), t.settled
          FROM unnest(append_facts.streams, versions_before, versions, balances, settled_to)
               AS t (stream, before, after, balance, settled)
         WHERE t.after > t.before
            ON CONFLICT (stream) DO UPDATE SET version = excluded.version, balance = excluded.balance, settled = excluded.settled;

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
