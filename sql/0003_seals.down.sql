DROP TABLE seals;
DELETE FROM projections WHERE name = 'seal';
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'facts are never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;
