-- Sessions, their refresh tokens (as SHA-256), and what else lets people in. Nothing here is ever a fact.
CREATE TABLE sessions (
    session_id    text        NOT NULL PRIMARY KEY,
    user_id       text        NOT NULL,
    token_hash    bytea       NOT NULL,
    previous_hash bytea,                    -- of the token that came before, and was exchanged at `used_at`
    opened_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    address       text        NOT NULL,
    device        text        NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expiring ON sessions (expires_at);

-- The keys that sign access tokens come from SECRET_KEY and one of these: nothing here is secret.
CREATE TABLE signing_keys (
    salt    bytea       NOT NULL PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What was sent to an address, to prove that its owner is there: as SHA-256, once, for a short time.
CREATE TABLE mailed_tokens (
    user_id    text        NOT NULL,
    purpose    text        NOT NULL,
    token_hash bytea       NOT NULL UNIQUE,
    email      text        NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, purpose)
);

-- Letters with tokens that are to be sent. The token is made when the letter is, so none lies here.
CREATE TABLE mail_requests (
    email    text        NOT NULL,
    purpose  text        NOT NULL,
    due_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (email, purpose)
);
CREATE INDEX mail_requests_due ON mail_requests (due_at);

ALTER TABLE user_account
    ADD verified  boolean NOT NULL DEFAULT false,
    ADD suspended boolean NOT NULL DEFAULT false;
ALTER TABLE user_account
    ALTER verified DROP DEFAULT,
    ALTER suspended DROP DEFAULT;
