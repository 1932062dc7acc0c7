DROP TABLE catalog_entry, cart_entry, price_entry, stock_entry, money_entry, sale_line, sale;
DELETE FROM projections WHERE name IN
    ('catalog_entry', 'cart_entry', 'price_entry', 'stock_entry', 'money_entry', 'sale_line', 'sale');

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

