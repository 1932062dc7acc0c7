-- What reports are made of: entries that say when a thing happened (a time) and when we learned of it (a position), so
-- that a report as of any position is a filter. They are folded anew, so the old ones go with their checkpoints.
DROP TABLE sale, sale_line;
DELETE FROM projections WHERE name IN ('sale', 'sale_line');

CREATE TABLE sale (
    order_id         text        NOT NULL PRIMARY KEY,
    customer_id      text        NOT NULL,
    cart_id          text,
    units            bigint      NOT NULL,
    total_minor      bigint      NOT NULL,
    shipping_minor   bigint      NOT NULL,
    currency         text        NOT NULL,
    placed_at        timestamptz NOT NULL,
    placed_position  bigint      NOT NULL,
    payment_id       text,
    paid_at          timestamptz,
    paid_position    bigint,
    shipped_at       timestamptz,
    shipped_position bigint
);
CREATE INDEX sale_placed_at ON sale (placed_at);
CREATE INDEX sale_paid_at ON sale (paid_at) WHERE paid_at IS NOT NULL;

CREATE TABLE sale_line (
    position     bigint  NOT NULL,  -- of the order's placing
    line         integer NOT NULL,
    sku          text    NOT NULL,
    product_id   text    NOT NULL,
    category_id  text    NOT NULL,
    quantity     bigint  NOT NULL,
    total_minor  bigint  NOT NULL,
    before_minor bigint  NOT NULL,
    first_of_product  boolean NOT NULL,
    first_of_category boolean NOT NULL,
    PRIMARY KEY (position, line)
);

CREATE TABLE money_entry (
    position       bigint      NOT NULL PRIMARY KEY,
    order_id       text        NOT NULL,
    payment_id     text        NOT NULL,
    currency       text        NOT NULL,
    captured_minor bigint      NOT NULL,
    refunded_minor bigint      NOT NULL,
    at             timestamptz NOT NULL
);
CREATE INDEX money_entry_at ON money_entry (at);
CREATE INDEX money_entry_refunded ON money_entry (order_id, position) WHERE refunded_minor > 0;

CREATE TABLE stock_entry (
    position bigint      NOT NULL PRIMARY KEY,
    sku      text        NOT NULL,
    location text        NOT NULL,
    kind     text        NOT NULL,
    quantity bigint      NOT NULL,
    at       timestamptz NOT NULL
);
CREATE INDEX stock_entry_sku ON stock_entry (sku, location, position);

CREATE TABLE price_entry (
    position    bigint      NOT NULL PRIMARY KEY,
    sku         text        NOT NULL,
    currency    text        NOT NULL,
    price_minor bigint      NOT NULL,
    at          timestamptz NOT NULL
);
CREATE INDEX price_entry_sku ON price_entry (sku, currency, at, position);

CREATE TABLE cart_entry (
    position bigint      NOT NULL,
    line     integer     NOT NULL,
    cart_id  text        NOT NULL,
    kind     text        NOT NULL,
    sku      text,
    quantity bigint      NOT NULL,
    order_id text,
    at       timestamptz NOT NULL,
    PRIMARY KEY (position, line)
);
CREATE INDEX cart_entry_cart ON cart_entry (cart_id, position, line);

CREATE TABLE catalog_entry (
    position  bigint NOT NULL PRIMARY KEY,
    id        text   NOT NULL,
    kind      text   NOT NULL,
    slug      text,
    parent_id text
);
CREATE INDEX catalog_entry_id ON catalog_entry (id, position);
CREATE INDEX catalog_entry_category ON catalog_entry (id, position) WHERE kind = 'category';
