-- One day of a busy shop, as facts: 2,000 orders are placed and paid, those of the day before are shipped, those of the
-- day before that are completed. $1 is the day, from 0 on. Of the days before the first, deliveries stand in their place.
WITH steps (step, type, age) AS (
    VALUES (1, 'OrderPlaced', 0), (2, 'PaymentRequested', 0), (3, 'PaymentCaptured', 0), (4, 'OrderPaid', 0),
           (5, 'OrderShipped', 1), (6, 'OrderCompleted', 2)
), slots AS (
    SELECT *, $1::bigint * 12000
                + CASE WHEN step <= 4 THEN (n - 1) * 4 + step ELSE (step - 1) * 2000 + n END AS position,
           ($1::bigint - age) * 2000 + n AS number
      FROM steps CROSS JOIN generate_series(1, 2000) AS n
), lives AS (
    SELECT *, 'ord_' || upper(lpad(to_hex(number), 26, '0')) AS order_id,
           'usr_' || upper(lpad(to_hex(number % 20000), 26, '0')) AS customer_id,
           'pay_' || upper(lpad(to_hex(number), 26, '0')) AS payment_id,
           timestamptz '2020-01-01' + make_interval(days => $1::integer, secs => n * 40 + step) AS at
      FROM slots
), bodies AS (
    SELECT *, CASE step
        WHEN 1 THEN json_build_object('order_id', order_id, 'customer_id', customer_id, 'lines', (
                SELECT json_agg(json_build_object(
                    'sku', 'CJ-' || lpad((number * 7 % 500 + line * 11)::text, 7, '0'),
                    'product_id', 'prd_' || upper(lpad(to_hex(number * 7 % 500 + line), 26, '0')),
                    'name', 'Article number ' || (number * 7 % 500 + line) || ', 16 oz (store brand)',
                    'category_id', 'cat_' || upper(lpad(to_hex(number % 50), 26, '0')), 'quantity', 1,
                    'unit_price', json_build_object('amount', 1999, 'currency', 'EUR'),
                    'total', json_build_object('amount', 1999, 'currency', 'EUR')))
                  FROM generate_series(1, 3) AS line),
            'total', json_build_object('amount', 5997, 'currency', 'EUR'),
            'cart_id', NULL, 'lapses_at', NULL, 'ship_to', NULL)
        WHEN 2 THEN json_build_object('order_id', order_id, 'payment_id', payment_id,
            'amount', json_build_object('amount', 5997, 'currency', 'EUR'), 'method', 'tok_approve')
        WHEN 3 THEN json_build_object('order_id', order_id, 'payment_id', payment_id,
            'amount', json_build_object('amount', 5997, 'currency', 'EUR'), 'gateway_reference', 'sandbox-' || order_id)
        WHEN 4 THEN json_build_object('order_id', order_id, 'payment_id', payment_id,
            'amount', json_build_object('amount', 5997, 'currency', 'EUR'))
        WHEN 5 THEN json_build_object('order_id', order_id, 'carrier', 'DHL', 'tracking', 'JD' || order_id)
        ELSE json_build_object('order_id', order_id) END AS body
      FROM lives WHERE number > 0
)
INSERT INTO facts (position, id, stream, version, type, schema_version, body, metadata, occurred_at, recorded_at)
SELECT position, gen_random_uuid(), 'order-' || order_id, step, type, 1, body,
       json_build_object('actor', customer_id, 'command', 'PlaceOrder', 'correlation_id', 'req_' || position,
                         'causation_id', '', 'request_id', 'req_' || position, 'traceparent', ''), at, at
  FROM bodies
UNION ALL
SELECT position, gen_random_uuid(), 'stock-CJ-' || position || '@main', 1, 'StockReceived', 1,
       json_build_object('sku', 'CJ-' || position, 'quantity', 100, 'reference', '', 'location', 'main'),
       json_build_object('actor', 'system'), at, at
  FROM lives WHERE number <= 0
 ORDER BY 1
