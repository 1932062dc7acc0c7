-- States of long streams, so that they need not be folded from their first fact. A cache: any row may be deleted at
-- any time, and what does not fit is not read.

CREATE TABLE snapshots (
    stream  text        NOT NULL,
    fold    bytea       NOT NULL,  -- SHA-256 of what the state means: its types, the fold, the facts' schema versions
    version integer     NOT NULL,  -- the state after this fact of the stream
    state   json        NOT NULL,
    digest  bytea       NOT NULL,  -- SHA-256 of all of the above
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, fold)
);
