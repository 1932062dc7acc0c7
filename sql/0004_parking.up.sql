-- Facts that a projection could not take, and those that wait behind them. Nothing is skipped silently.

CREATE TABLE parked (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection text        NOT NULL,
    key        text        NOT NULL,  -- of the row: a JSON list; or "stream:..." where the fact could not be read
    position   bigint      NOT NULL,
    stream     text        NOT NULL,
    version    integer     NOT NULL,
    type       text        NOT NULL,
    error      text,                  -- none: it waits behind an earlier fact of the same key
    attempts   integer     NOT NULL DEFAULT 1,
    parked_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (projection, key, position)
);

-- Facts per second of the last page: what an estimate of the time to catch up rests on.
ALTER TABLE projections ADD COLUMN facts_per_s double precision NOT NULL DEFAULT 0;
