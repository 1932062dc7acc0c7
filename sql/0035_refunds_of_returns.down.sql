DROP TABLE return_line, money_entry;
DELETE FROM projections WHERE name IN ('return_line', 'money_entry');
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
