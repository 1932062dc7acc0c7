-- What the catalog knows more: media, declared attributes, slugs of old, and prices that wait for their time. The tables
-- that are there keep their rows; what is new in them is empty for facts that say nothing of it.
ALTER TABLE product ADD COLUMN media json NOT NULL DEFAULT '[]';
ALTER TABLE category ADD COLUMN attributes json NOT NULL DEFAULT '[]';

CREATE TABLE product_link (
    slug       text NOT NULL PRIMARY KEY,
    product_id text NOT NULL
);

CREATE TABLE price_schedule (
    schedule_id      text        NOT NULL PRIMARY KEY,
    product_id       text        NOT NULL,
    sku              text        NOT NULL,
    amount_minor     bigint      NOT NULL,
    currency         text        NOT NULL,
    compare_at_minor bigint,
    starts_at        timestamptz NOT NULL,
    ends_at          timestamptz,
    status           text        NOT NULL,
    due_at           timestamptz
);
CREATE INDEX price_schedule_due ON price_schedule (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX price_schedule_sku ON price_schedule (sku, starts_at DESC, schedule_id DESC);
