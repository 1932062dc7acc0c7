DO $$
BEGIN
    IF EXISTS (SELECT FROM archives) THEN
        RAISE EXCEPTION 'facts are in archives: restore them first (daybook archive list)' USING ERRCODE = 'restrict_violation';
    END IF;
END $$;
DROP FUNCTION facts_present;
DROP TABLE archives;
