"""What someone has put aside, in a cart or on a wishlist, as it is today beside what it was then."""

from dataclasses import dataclass
from typing import Any, Literal

from queries.rows import Money

Availability = Literal["available", "too_few", "out_of_stock", "not_for_sale"]
Change = Literal["price_rose", "price_fell", "too_few", "out_of_stock", "not_for_sale", "capped"]

# Joined to rows `wanted` with a SKU, its product, and its prices of then; $2 is the currency.
GOODS = """LEFT JOIN product p ON p.product_id = wanted.product_id
    LEFT JOIN LATERAL (
        SELECT (price ->> 'amount')::bigint AS amount
        FROM json_array_elements(p.variants) AS variant, json_array_elements(variant -> 'prices') AS price
        WHERE variant ->> 'sku' = wanted.sku AND price ->> 'currency' = $2
    ) AS price ON true
    LEFT JOIN LATERAL (
        SELECT (price ->> 'amount')::bigint AS amount FROM json_array_elements(wanted.prices) AS price
        WHERE price ->> 'currency' = $2
    ) AS before ON true
    LEFT JOIN LATERAL (
        SELECT sum(on_hand - reserved)::bigint AS available FROM stock_level WHERE stock_level.sku = wanted.sku
    ) AS s ON true"""


@dataclass(frozen=True, slots=True)
class Goods:
    """`changes` is what the shopper should be told: the price has moved, or it cannot be had like this any more."""

    unit_price: Money | None
    unit_price_then: Money | None
    available: int
    availability: Availability
    changes: list[Change]


def goods(row: Any, currency: str, quantity: int) -> Goods:
    """From a row with `status`, `amount`, `amount_then` and `available`; `quantity` is how many are wanted."""
    available, amount, then = row["available"] or 0, row["amount"], row["amount_then"]
    for_sale = row["status"] == "active" and amount is not None
    availability = _availability(for_sale, available, quantity)
    changes: list[Change] = []
    if for_sale and then is not None and amount != then:
        changes.append("price_rose" if amount > then else "price_fell")
    if availability != "available":
        changes.append(availability)
    return Goods(
        Money(amount, currency) if for_sale else None,
        None if then is None else Money(then, currency),
        available,
        availability,
        changes,
    )


def _availability(for_sale: bool, available: int, quantity: int) -> Availability:
    if not for_sale:
        return "not_for_sale"
    if available <= 0:
        return "out_of_stock"
    return "too_few" if available < quantity else "available"
