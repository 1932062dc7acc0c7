DROP TABLE coupon;
ALTER TABLE order_summary
    DROP cart_id, DROP shipping, DROP coupon, DROP discount_minor, DROP tax_minor, DROP prices_include_tax,
    DROP bill_to, DROP email;
ALTER TABLE cart DROP coupon;
