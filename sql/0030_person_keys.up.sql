-- The keys of persons: what is personal in a fact is encrypted under the key of the person that it is about.

CREATE TABLE person_keys (
    person_id     text        NOT NULL PRIMARY KEY,
    wrapped       bytea,                -- the key, encrypted under a master key; null: the person is forgotten
    master_key_id text,
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    forgotten_at  timestamptz,
    CHECK ((wrapped IS NULL) = (forgotten_at IS NOT NULL) AND (wrapped IS NULL) = (master_key_id IS NULL))
);
CREATE INDEX person_keys_master ON person_keys (master_key_id) WHERE wrapped IS NOT NULL;

-- The keys of those who have one, or had: null for the forgotten.
CREATE FUNCTION person_keys_of(persons text[]) RETURNS TABLE (person_id text, wrapped bytea, master_key_id text)
LANGUAGE sql STABLE AS $$
    SELECT k.person_id, k.wrapped, k.master_key_id
      FROM unnest(persons) AS wanted (person_id)
     CROSS JOIN LATERAL (SELECT * FROM person_keys held WHERE held.person_id = wanted.person_id OFFSET 0) k
$$;

-- The same, after giving each person that has none yet the key offered for them. The forgotten get none. It need not wait
-- for the disk: the facts that are encrypted under it do, and what was written before them is safe then as well.
CREATE FUNCTION person_keys_made(persons text[], offered bytea[], master text)
RETURNS TABLE (person_id text, wrapped bytea, master_key_id text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO person_keys (person_id, wrapped, master_key_id)
    SELECT n.person_id, n.wrapped, master FROM unnest(persons, offered) AS n (person_id, wrapped) ORDER BY 1
        ON CONFLICT (person_id) DO NOTHING;
    RETURN QUERY SELECT * FROM person_keys_of(persons);
END $$;

-- What a change of the master key works through, page by page, and how it puts back what it has wrapped anew: only where
-- the key is still the one that was read.
CREATE FUNCTION person_keys_but(master text, after text, most integer)
RETURNS TABLE (person_id text, wrapped bytea, master_key_id text) LANGUAGE sql STABLE AS $$
    SELECT person_id, wrapped, master_key_id FROM person_keys
     WHERE master_key_id <> master AND wrapped IS NOT NULL AND person_id > after ORDER BY person_id LIMIT most
$$;
CREATE FUNCTION person_keys_rewrapped(persons text[], before bytea[], anew bytea[], master text) RETURNS bigint
LANGUAGE sql AS $$
    WITH changed AS (
        UPDATE person_keys k SET wrapped = n.anew, master_key_id = master
          FROM unnest(persons, before, anew) AS n (person_id, before, anew)
         WHERE k.person_id = n.person_id AND k.wrapped = n.before RETURNING 1
    ) SELECT count(*) FROM changed
$$;
CREATE FUNCTION person_keys_masters() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE found (id) AS (
        (SELECT min(master_key_id) FROM person_keys WHERE wrapped IS NOT NULL)
        UNION ALL
        SELECT (SELECT min(k.master_key_id) FROM person_keys k WHERE k.wrapped IS NOT NULL AND k.master_key_id > found.id)
          FROM found WHERE found.id IS NOT NULL
    ) SELECT id FROM found WHERE id IS NOT NULL
$$;

-- A fact that says that someone is forgotten makes it so, in its own transaction: no key, no way to sign in.
CREATE FUNCTION forget_subject() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person text := NEW.body ->> 'person_id';
BEGIN
    INSERT INTO person_keys (person_id, forgotten_at) VALUES (person, NEW.recorded_at)
        ON CONFLICT (person_id) DO UPDATE SET wrapped = NULL, master_key_id = NULL, forgotten_at = excluded.forgotten_at
            WHERE person_keys.wrapped IS NOT NULL;
    IF to_regclass('sessions') IS NOT NULL THEN
        -- They are over, and are pruned when every process has heard of that.
        UPDATE sessions SET ended_at = coalesce(ended_at, clock_timestamp()), address = '', device = ''
            WHERE user_id = person;
        DELETE FROM mailed_tokens WHERE user_id = person;
        DELETE FROM mail_requests WHERE email IN (SELECT email FROM credentials WHERE user_id = person);
    END IF;
    DELETE FROM credentials WHERE user_id = person;
    PERFORM pg_notify('daybook', '-' || person);
    RETURN NULL;
END $$;
CREATE TRIGGER forget_subject AFTER INSERT ON facts FOR EACH ROW WHEN (NEW.type = 'SubjectForgotten')
    EXECUTE FUNCTION forget_subject();

-- What writes facts or touches the keys does so with its owner's rights, so that the service itself needs none of these
-- (`daybook migrate --runtime-role`). Their names are looked up here, and in nobody's own schema.
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN SELECT p.oid::regprocedure FROM pg_proc p
         WHERE p.pronamespace = current_schema()::regnamespace
           AND (p.proname IN ('append_facts', 'forget_subject') OR p.proname LIKE 'person\_keys\_%')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', function, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION add_partition FROM PUBLIC;
