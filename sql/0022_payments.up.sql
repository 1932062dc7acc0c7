-- What was captured and refunded for an order, and each way to pay that was tried.
ALTER TABLE order_summary
    ADD captured_minor bigint NOT NULL DEFAULT 0,
    ADD refunded_minor bigint NOT NULL DEFAULT 0,
    ADD payments       json   NOT NULL DEFAULT '[]';
ALTER TABLE order_summary
    ALTER captured_minor DROP DEFAULT,
    ALTER refunded_minor DROP DEFAULT,
    ALTER payments DROP DEFAULT;
