"""Products with their variants and prices, one row each, as shoppers see them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.product import (
    STANDARD_TAX,
    PriceChanged,
    PriceScheduleCancelled,
    PriceScheduled,
    PriceScheduleEnded,
    PriceScheduleStarted,
    ProductArchived,
    ProductCreated,
    ProductDescribed,
    ProductEvent,
    ProductPublished,
    ProductSlugChanged,
    ProductUnpublished,
    VariantAdded,
    VariantChanged,
)
from events.store import Fact
from events.values import Media, Money
from projections.projection import Key, Projection


@dataclass(frozen=True, slots=True)
class VariantRow:
    sku: str
    options: dict[str, str]
    prices: list[Money]
    tax_class: str = STANDARD_TAX
    weight_g: int | None = None
    compare_at: list[Money] = field(default_factory=list)


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
    media: tuple[Media, ...] = ()


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
            event.media,
        )
    if row is None:
        return None
    row = row._replace(version=fact.version)
    match event:
        case ProductDescribed(_, name, category_id, description, attributes, media):
            row = row._replace(name=name, category_id=category_id, description=description, media=media)
            return row._replace(attributes=attributes or {})
        case ProductSlugChanged(_, slug):
            return row._replace(slug=slug)
        case VariantAdded(_, sku, price, options, tax_class, weight_g, compare_at):
            compared = [compare_at] if compare_at else []
            added = VariantRow(sku, options or {}, [price], tax_class, weight_g, compared)
            return row._replace(variants=[*row.variants, added])
        case VariantChanged(_, sku, options, tax_class, weight_g):
            return _variant_replaced(
                row, sku, lambda variant: replace(variant, options=options, tax_class=tax_class, weight_g=weight_g)
            )
        case PriceChanged(_, sku):
            return _variant_replaced(row, sku, lambda variant: _repriced(variant, event))
        case PriceScheduled() | PriceScheduleStarted() | PriceScheduleEnded() | PriceScheduleCancelled():
            return row
        case ProductPublished():
            return row._replace(status="active")
        case ProductUnpublished():
            return row._replace(status="draft")
        case ProductArchived():
            return row._replace(status="archived")
        case _:
            assert_never(event)


def _variant_replaced(row: ProductRow, sku: str, change: Callable[[VariantRow], VariantRow]) -> ProductRow:
    return row._replace(variants=[change(variant) if variant.sku == sku else variant for variant in row.variants])


def _repriced(variant: VariantRow, event: PriceChanged) -> VariantRow:
    prices = [*_of_others(variant.prices, event.price.currency), event.price]
    compared = [event.compare_at] if event.compare_at else []
    return replace(
        variant, prices=prices, compare_at=[*_of_others(variant.compare_at, event.price.currency), *compared]
    )


def _of_others(amounts: list[Money], currency: str) -> list[Money]:
    return [each for each in amounts if each.currency != currency]


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
