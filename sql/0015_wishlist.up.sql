CREATE TABLE wishlist (
    customer_id text        NOT NULL PRIMARY KEY,
    wishes      json        NOT NULL,
    updated_at  timestamptz NOT NULL,
    version     integer     NOT NULL
);
