-- Archives: files that hold full parts of the book, of which only what is still needed stays in `facts`.

CREATE TABLE archives (
    first_position bigint      NOT NULL PRIMARY KEY,
    last_position  bigint      NOT NULL UNIQUE CHECK (last_position >= first_position),
    file           text        NOT NULL UNIQUE,
    sha256         text        NOT NULL,  -- of the file's lines before the last one, as that says itself
    facts          bigint      NOT NULL,
    kept           bigint      NOT NULL,  -- how many of them have stayed here
    recorded_to    timestamptz NOT NULL,  -- when the last of them was recorded
    archived_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    archived_by    text        NOT NULL
);

-- Stands in every statement that reads on in the book and could not tell that facts are missing. Raises DB410 if some
-- beyond `after` and not beyond `until` are in archives; its detail names these, the first ones, as JSON.
CREATE FUNCTION facts_present(after bigint, until bigint DEFAULT 9223372036854775807) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    named text;
BEGIN
    IF NOT EXISTS (SELECT FROM archives a WHERE a.last_position > after AND a.first_position <= until) THEN
        RETURN true;
    END IF;
    SELECT json_agg(json_build_object('first', a.first_position, 'last', a.last_position, 'file', a.file,
                                      'sha256', a.sha256) ORDER BY a.first_position)::text
      INTO named
      FROM (SELECT * FROM archives WHERE last_position > after AND first_position <= until
             ORDER BY first_position LIMIT 100) a;
    RAISE EXCEPTION 'facts beyond position % are in archives', after USING ERRCODE = 'DB410', DETAIL = named;
END $$;
