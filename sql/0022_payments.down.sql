ALTER TABLE order_summary DROP captured_minor, DROP refunded_minor, DROP payments;
