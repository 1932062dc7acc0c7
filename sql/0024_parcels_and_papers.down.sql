DROP TABLE paper;
ALTER TABLE order_summary DROP shipments, DROP returns, DROP invoice, DROP credit_notes;
