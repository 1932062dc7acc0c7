"""Of which goods the money of a refund went back, in SQL. docs/reports.md has the rule, and an example.

What an order has given back by and by is spread over its lines twice, with and without the refund: the difference is
what the refund took from each. A part of x is the difference of `div(x * place, whole)` between where it ends and where
it begins, so parts come to x to the cent.
"""

WHEN = ("before", "after")


def _part(of_return: str) -> str:
    """What the units of a SKU in a return have given back: the refund's money, as far as they are worth it."""
    money = f"least({of_return}, of_minor)"
    return f"sum(div({money} * (before_minor + worth_minor), of_minor) - div({money} * before_minor, of_minor))"


# By SKU. A refund of a return is called like that: with `.1` behind it where another payment gives the rest.
_RETURNED = f"""(SELECT u.sku, {_part("refund.before")} AS before, {_part("refund.after")} AS after
    FROM return_line u JOIN (
        SELECT split_part(m.refund_id, '.', 1) AS return_id, sum(m.refunded_minor) AS after,
            coalesce(sum(m.refunded_minor) FILTER (WHERE m.position < e.position), 0) AS before
        FROM money_entry m WHERE m.order_id = e.order_id AND m.payment_id = e.payment_id
            AND m.refunded_minor > 0 AND m.position <= e.position GROUP BY 1
    ) AS refund USING (return_id)
    WHERE u.order_id = e.order_id AND u.position <= e.position AND u.of_minor > 0 GROUP BY u.sku)"""


def _own(when: str) -> str:
    """Of what its SKU has given back: lines of one SKU have their turn."""
    return f"least(greatest(coalesce(back.{when}, 0) - sku_begin, 0), total_minor) AS own_{when}"


def _sums(when: str) -> str:
    return f"sum(own_{when}) OVER () AS all_{when}, sum(own_{when}) OVER (ORDER BY line) AS upto_{when}"


def _given(when: str) -> str:
    """Its own, and of what went back for no goods in particular a part by what is left of the line."""
    rest, whole = f"(earlier.{when} - all_{when})", f"nullif(s.total_minor - all_{when}, 0)"
    end, left = f"(before_minor + total_minor - upto_{when})", f"(total_minor - own_{when})"
    return f"own_{when} + coalesce(div({rest} * {end}, {whole}) - div({rest} * ({end} - {left}), {whole}), 0)"


# The lines of the order `s`, each with the `minor` units that the refund `e` took from it.
SHARED = f"""(SELECT line.*, ({_given("after")}) - ({_given("before")}) AS minor
    FROM (
        SELECT coalesce(sum(b.refunded_minor) FILTER (WHERE b.position < e.position), 0) AS before,
            sum(b.refunded_minor) AS after
        FROM money_entry b WHERE b.order_id = e.order_id AND b.payment_id = e.payment_id
            AND b.refunded_minor > 0 AND b.position <= e.position
    ) AS earlier CROSS JOIN (
        SELECT own.*, {", ".join(map(_sums, WHEN))}
        FROM (
            SELECT article.*, {", ".join(map(_own, WHEN))}
            FROM (
                SELECT o.*, sum(total_minor) OVER (PARTITION BY sku ORDER BY line) - total_minor AS sku_begin
                FROM sale_line o WHERE o.position = s.placed_position
            ) AS article LEFT JOIN {_RETURNED} AS back USING (sku)
        ) AS own
    ) AS line)"""
