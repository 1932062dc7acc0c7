"""Products with their variants and prices, one row each, as shoppers see them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.product import (
    PriceChanged,
    ProductArchived,
    ProductCreated,
    ProductDescribed,
    ProductEvent,
    ProductPublished,
    VariantAdded,
    VariantChanged,
)
from events.store import Fact
from events.values import Money
from projections.projection import Key, Projection


@dataclass(frozen=True, slots=True)
class VariantRow:
    sku: str
    options: dict[str, str]
    prices: list[Money]


class ProductRow(NamedTuple):
    product_id: str
    slug: str
    name: str
    description: str
    category_id: str
    status: str
    attributes: dict[str, str | int | float | bool]
    variants: list[VariantRow]
    created_at: datetime
    version: int


def evolve(row: ProductRow | None, fact: Fact[ProductEvent], key: Key) -> ProductRow | None:
    event = fact.event
    if isinstance(event, ProductCreated):
        return ProductRow(
            event.product_id,
            event.slug,
            event.name,
            event.description,
            event.category_id,
            "draft",
            event.attributes or {},
            [],
            fact.occurred_at,
            fact.version,
        )
    if row is None:
        return None
    row = row._replace(version=fact.version)
    match event:
        case ProductDescribed(_, name, category_id, description, attributes):
            return row._replace(
                name=name, category_id=category_id, description=description, attributes=attributes or {}
            )
        case VariantAdded(_, sku, price, options):
            return row._replace(variants=[*row.variants, VariantRow(sku, options or {}, [price])])
        case VariantChanged(_, sku, options):
            return _variant_replaced(row, sku, lambda variant: replace(variant, options=options))
        case PriceChanged(_, sku, price, _):
            return _variant_replaced(row, sku, lambda variant: replace(variant, prices=_repriced(variant, price)))
        case ProductPublished():
            return row._replace(status="active")
        case ProductArchived():
            return row._replace(status="archived")
        case _:
            assert_never(event)


def _variant_replaced(row: ProductRow, sku: str, change: Callable[[VariantRow], VariantRow]) -> ProductRow:
    return row._replace(variants=[change(variant) if variant.sku == sku else variant for variant in row.variants])


def _repriced(variant: VariantRow, price: Money) -> list[Money]:
    return [*(other for other in variant.prices if other.currency != price.currency), price]


product = Projection(
    "product",
    ProductRow,
    ("product_id",),
    get_args(ProductEvent),
    lambda event: [(event.product_id,)],
    evolve,
    cached_as="product",
    listed_as="products",
)
