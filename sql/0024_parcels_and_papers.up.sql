-- The parcels of each order and what came back of them. Orders that were sent before say so once they are rebuilt.
ALTER TABLE order_summary
    ADD shipments    json NOT NULL DEFAULT '[]',
    ADD returns      json NOT NULL DEFAULT '[]',
    ADD invoice      text,
    ADD credit_notes json NOT NULL DEFAULT '[]';
ALTER TABLE order_summary ALTER shipments DROP DEFAULT, ALTER returns DROP DEFAULT, ALTER credit_notes DROP DEFAULT;

-- Invoices and credit notes. What was sold and to whom is in the order's row.
CREATE TABLE paper (
    number        text        NOT NULL PRIMARY KEY,
    kind          text        NOT NULL,
    year          text        NOT NULL,
    order_id      text        NOT NULL,
    invoice       text,
    amount_minor  bigint      NOT NULL,
    currency      text        NOT NULL,
    reason        text        NOT NULL,
    refund_id     text        NOT NULL,
    seller        json        NOT NULL,
    issued_at     timestamptz NOT NULL,
    handed_out_at timestamptz
);
CREATE INDEX paper_order ON paper (order_id);
CREATE INDEX paper_issued ON paper (issued_at DESC, number DESC);
CREATE INDEX paper_year ON paper (year, kind, issued_at DESC, number DESC);
