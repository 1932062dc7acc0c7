"""Keeping the catalog: products, their variants and prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from commands.category import existing_category
from commands.claim import claimed, claims, sku_name
from commands.decider import Fold, Read
from commands.rejections import InvalidTransition, LimitExceeded, NotFound
from events import Event
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
from events.values import CategoryId, Money, ProductId, Sku

MAX_VARIANTS = 200
Attributes = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class CreateProduct:
    product_id: ProductId
    slug: str
    name: str
    category_id: CategoryId
    description: str = ""
    attributes: Attributes | None = None


@dataclass(frozen=True, slots=True)
class DescribeProduct:
    """Change what is given; None leaves a thing as it is."""

    product_id: ProductId
    name: str | None = None
    category_id: CategoryId | None = None
    description: str | None = None
    attributes: Attributes | None = None


@dataclass(frozen=True, slots=True)
class AddVariant:
    product_id: ProductId
    sku: Sku
    price: Money
    options: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ChangeVariant:
    sku: Sku
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class ChangePrice:
    sku: Sku
    price: Money


@dataclass(frozen=True, slots=True)
class PublishProduct:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class ArchiveProduct:
    product_id: ProductId


ProductCommand = (
    CreateProduct | DescribeProduct | AddVariant | ChangeVariant | ChangePrice | PublishProduct | ArchiveProduct
)


class Status(StrEnum):
    NEW = "NEW"
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True)
class Variant:
    options: Mapping[str, str]
    prices: Mapping[str, Money]
    """By currency."""


@dataclass(frozen=True, slots=True)
class Product:
    status: Status = Status.NEW
    name: str = ""
    category_id: CategoryId = CategoryId("")
    description: str = ""
    attributes: Attributes | None = None
    variants: Mapping[Sku, Variant] = field(default_factory=dict)


def evolve(product: Product, event: ProductEvent) -> Product:
    match event:
        case ProductCreated(_, _, name, category_id, description, attributes):
            return Product(Status.DRAFT, name, category_id, description, attributes)
        case ProductDescribed(_, name, category_id, description, attributes):
            return replace(product, name=name, category_id=category_id, description=description, attributes=attributes)
        case VariantAdded(_, sku, price, options):
            return _with(product, sku, Variant(options or {}, {price.currency: price}))
        case VariantChanged(_, sku, options):
            return _with(product, sku, replace(product.variants[sku], options=options))
        case PriceChanged(_, sku, price, _):
            variant = product.variants[sku]
            return _with(product, sku, replace(variant, prices={**variant.prices, price.currency: price}))
        case ProductPublished():
            return replace(product, status=Status.ACTIVE)
        case ProductArchived():
            return replace(product, status=Status.ARCHIVED)
        case _:
            assert_never(event)


def _with(product: Product, sku: Sku, variant: Variant) -> Product:
    return replace(product, variants={**product.variants, sku: variant})


products = Fold("product", Product(), evolve)


def decide(command: ProductCommand, read: Read) -> Sequence[Event]:
    if isinstance(command, ChangeVariant | ChangePrice):
        product_id = product_of(command.sku, read)
    else:
        product_id = command.product_id
    product = read(products(product_id))
    match command:
        case CreateProduct() if product.status is not Status.NEW:
            return []
        case CreateProduct(_, slug, name, category_id, description, attributes):
            existing_category(category_id, read)
            return [
                *claimed(f"product-slug:{slug}", product_id, read),
                ProductCreated(product_id, slug, name, category_id, description, attributes),
            ]
        case _ if product.status is Status.NEW:
            raise NotFound("product", product_id)
        case DescribeProduct():
            return _described(command, product, read)
        case AddVariant(_, sku, price, options):
            return _variant_added(product_id, sku, price, options, product, read)
        case ChangeVariant(sku, options):
            return [VariantChanged(product_id, sku, options)] if product.variants[sku].options != options else []
        case ChangePrice(sku, price):
            previous = product.variants[sku].prices.get(price.currency)
            return [PriceChanged(product_id, sku, price, previous)] if previous != price else []
        case PublishProduct():
            if product.status is Status.ACTIVE:
                return []
            if not product.variants:
                raise InvalidTransition("product", product.status, Status.ACTIVE, why="it has no variants")
            return [ProductPublished(product_id)]
        case ArchiveProduct():
            return [] if product.status is Status.ARCHIVED else [ProductArchived(product_id)]
        case _:
            assert_never(command)


def product_of(sku: Sku, read: Read) -> ProductId:
    """The product that a SKU is a variant of. Raises NotFound."""
    owner = read(claims(sku_name(sku))).owner
    if owner is None:
        raise NotFound("variant", sku)
    return ProductId(owner)


def _described(command: DescribeProduct, product: Product, read: Read) -> Sequence[Event]:
    if command.category_id is not None and command.category_id != product.category_id:
        existing_category(command.category_id, read)
    described = ProductDescribed(
        command.product_id,
        product.name if command.name is None else command.name,
        product.category_id if command.category_id is None else command.category_id,
        product.description if command.description is None else command.description,
        product.attributes if command.attributes is None else command.attributes,
    )
    return [described] if evolve(product, described) != product else []


def _variant_added(
    product_id: ProductId, sku: Sku, price: Money, options: dict[str, str] | None, product: Product, read: Read
) -> Sequence[Event]:
    if sku in product.variants:
        return []
    if len(product.variants) >= MAX_VARIANTS:
        raise LimitExceeded(f"A product has at most {MAX_VARIANTS} variants.", limit=MAX_VARIANTS)
    return [*claimed(sku_name(sku), product_id, read), VariantAdded(product_id, sku, price, options)]
