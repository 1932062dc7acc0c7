DROP TABLE credentials, user_account, sale_line, sale, order_summary, cart, stock_level, product, category, projections;
