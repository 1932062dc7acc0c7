-- What an order costs, step by step; who may open a guest's; and coupons.
ALTER TABLE cart ADD coupon text;

ALTER TABLE order_summary
    ADD cart_id            text,
    ADD shipping           json,
    ADD coupon             text,
    ADD discount_minor     bigint  NOT NULL DEFAULT 0,
    ADD tax_minor          bigint  NOT NULL DEFAULT 0,
    ADD prices_include_tax boolean NOT NULL DEFAULT false,
    ADD bill_to            json,
    ADD email              text;
ALTER TABLE order_summary
    ALTER discount_minor DROP DEFAULT,
    ALTER tax_minor DROP DEFAULT,
    ALTER prices_include_tax DROP DEFAULT;

CREATE TABLE coupon (
    code       text        NOT NULL PRIMARY KEY,
    terms      json        NOT NULL,
    withdrawn  boolean     NOT NULL,
    redeemed   bigint      NOT NULL,   -- by orders that have not come to nothing
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version    integer     NOT NULL
);
