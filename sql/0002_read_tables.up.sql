-- Read tables. Every one of them can be thrown away and folded again from the facts.

CREATE TABLE projections (
    name        text        NOT NULL PRIMARY KEY,
    position    bigint      NOT NULL DEFAULT 0,   -- every fact up to here is in the table
    owner       text,                             -- the worker that may advance it
    epoch       bigint      NOT NULL DEFAULT 0,   -- grows with every change of owner: the fence against a late one
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    last_error  text,
    updated_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE category (
    category_id text    NOT NULL PRIMARY KEY,
    slug        text    NOT NULL,
    name        text    NOT NULL,
    parent_id   text,
    removed     boolean NOT NULL,
    version     integer NOT NULL
);
CREATE INDEX category_slug ON category (slug) WHERE NOT removed;

CREATE TABLE product (
    product_id  text        NOT NULL PRIMARY KEY,
    slug        text        NOT NULL,
    name        text        NOT NULL,
    description text        NOT NULL,
    category_id text        NOT NULL,
    status      text        NOT NULL,
    attributes  json        NOT NULL,
    variants    json        NOT NULL,
    created_at  timestamptz NOT NULL,
    version     integer     NOT NULL
);
CREATE INDEX product_slug ON product (slug);
CREATE INDEX product_status ON product (status, product_id);
CREATE INDEX product_category ON product (category_id, status, product_id);

CREATE TABLE stock_level (
    sku       text    NOT NULL,
    location  text    NOT NULL,
    on_hand   bigint  NOT NULL,
    reserved  bigint  NOT NULL,
    version   integer NOT NULL,
    PRIMARY KEY (sku, location)
);

CREATE TABLE cart (
    cart_id     text        NOT NULL PRIMARY KEY,
    customer_id text,
    lines       json        NOT NULL,
    updated_at  timestamptz NOT NULL,
    version     integer     NOT NULL
);

CREATE TABLE order_summary (
    order_id      text        NOT NULL PRIMARY KEY,
    customer_id   text        NOT NULL,
    status        text        NOT NULL,
    payment       text        NOT NULL,
    total_minor   bigint      NOT NULL,
    currency      text        NOT NULL,
    lines         json        NOT NULL,
    ship_to       json,
    carrier       text        NOT NULL,
    tracking      text        NOT NULL,
    cancel_reason text        NOT NULL,
    placed_at     timestamptz NOT NULL,
    lapses_at     timestamptz,
    updated_at    timestamptz NOT NULL,
    version       integer     NOT NULL
);
CREATE INDEX order_summary_customer ON order_summary (customer_id, placed_at DESC, order_id DESC);
CREATE INDEX order_summary_placed ON order_summary (placed_at DESC, order_id DESC);
CREATE INDEX order_summary_status ON order_summary (status, placed_at DESC, order_id DESC);
CREATE INDEX order_summary_lapsing ON order_summary (lapses_at) WHERE status = 'PENDING' AND lapses_at IS NOT NULL;

-- What was sold, as entries: reports are sums over these. A position says when we learned of a thing, a time when it
-- happened, so a report as of any position is a filter.
CREATE TABLE sale (
    order_id          text   NOT NULL PRIMARY KEY,
    customer_id       text   NOT NULL,
    units             bigint NOT NULL,
    total_minor       bigint NOT NULL,
    currency          text   NOT NULL,
    placed_at         timestamptz NOT NULL,
    placed_position   bigint NOT NULL,
    paid_at           timestamptz,
    paid_position     bigint,
    refunded_minor    bigint NOT NULL,
    refunded_at       timestamptz,
    refunded_position bigint
);
CREATE INDEX sale_paid_at ON sale (paid_at) WHERE paid_at IS NOT NULL;
CREATE INDEX sale_refunded_at ON sale (refunded_at) WHERE refunded_at IS NOT NULL;

CREATE TABLE sale_line (
    order_id    text    NOT NULL,
    line        integer NOT NULL,
    sku         text    NOT NULL,
    product_id  text    NOT NULL,
    category_id text    NOT NULL,
    quantity    bigint  NOT NULL,
    total_minor bigint  NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE user_account (
    user_id       text        NOT NULL PRIMARY KEY,
    email         text        NOT NULL,
    name          text        NOT NULL,
    roles         json        NOT NULL,
    registered_at timestamptz NOT NULL,
    version       integer     NOT NULL
);

-- Not a read table: what is known of passwords exists only here, and never as a fact.
CREATE TABLE credentials (
    user_id       text        NOT NULL PRIMARY KEY,
    email         text        NOT NULL UNIQUE,
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
