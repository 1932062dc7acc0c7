-- Seals: signed hashes over the facts, made behind the head, so that nobody changes the past unnoticed.

CREATE TABLE seals (
    number         bigint      NOT NULL PRIMARY KEY CHECK (number > 0),
    first_position bigint      NOT NULL UNIQUE,
    last_position  bigint      NOT NULL UNIQUE CHECK (last_position >= first_position),
    root           bytea       NOT NULL,  -- the Merkle root of its facts
    chain          bytea       NOT NULL,  -- the hash chain over all facts, as it stands after the last of these
    previous       bytea       NOT NULL,  -- the hash of the seal before
    sealed_at      timestamptz NOT NULL,
    key_id         text        NOT NULL,
    signature      bytea       NOT NULL,
    digests        bytea       NOT NULL   -- 32 bytes for each fact: they tell which fact it is that has been changed
);
ALTER TABLE seals ALTER digests SET STORAGE EXTERNAL;  -- hashes do not compress

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER seals_stay BEFORE UPDATE OR DELETE ON seals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seals_all_stay BEFORE TRUNCATE ON seals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
