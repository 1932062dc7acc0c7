-- What came back, and which refund is for it: so reports can say of which goods the money went back.
-- The till's entries are folded anew, so the old ones go with their checkpoint.
CREATE TABLE return_line (
    position     bigint  NOT NULL,
    line         integer NOT NULL,
    order_id     text    NOT NULL,
    return_id    text    NOT NULL,
    sku          text    NOT NULL,
    worth_minor  bigint  NOT NULL,
    before_minor bigint  NOT NULL,
    of_minor     bigint  NOT NULL,
    PRIMARY KEY (position, line)
);
CREATE INDEX return_line_order ON return_line (order_id);

DROP TABLE money_entry;
DELETE FROM projections WHERE name = 'money_entry';
CREATE TABLE money_entry (
    position       bigint      NOT NULL PRIMARY KEY,
    order_id       text        NOT NULL,
    payment_id     text        NOT NULL,
    currency       text        NOT NULL,
    captured_minor bigint      NOT NULL,
    refunded_minor bigint      NOT NULL,
    at             timestamptz NOT NULL,
    refund_id      text
);
CREATE INDEX money_entry_at ON money_entry (at);
CREATE INDEX money_entry_refunded ON money_entry (order_id, position) WHERE refunded_minor > 0;
