"""Keeping the catalog: products. Their variants are in `variant`, prices that wait for their time in `pricing`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from commands.attributes import Attributes, check
from commands.category import existing_category
from commands.claim import claimed, claims, sku_name
from commands.decider import Fold, Read
from commands.rejections import InvalidTransition, NameTaken, NotFound
from commands.variant import AddVariant, ChangePrice, ChangeVariant, Variant, VariantCommand, added, evolved, varied
from events import Event
from events.product import (
    ProductArchived,
    ProductCreated,
    ProductDescribed,
    ProductEvent,
    ProductPublished,
    ProductSlugChanged,
    ProductUnpublished,
    VariantAdded,
)
from events.values import CategoryId, Media, ProductId, Sku

NO_SLUGS = frozenset({"export", "import"})
"""They would hide behind other paths of the API."""


@dataclass(frozen=True, slots=True)
class CreateProduct:
    product_id: ProductId
    slug: str
    name: str
    category_id: CategoryId
    description: str = ""
    attributes: Attributes | None = None
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class DescribeProduct:
    """Change what is given; None leaves a thing as it is."""

    product_id: ProductId
    name: str | None = None
    category_id: CategoryId | None = None
    description: str | None = None
    attributes: Attributes | None = None
    media: tuple[Media, ...] | None = None


@dataclass(frozen=True, slots=True)
class ChangeSlug:
    """Find it under another slug. It keeps those it had, so that old links still lead to it."""

    product_id: ProductId
    slug: str


@dataclass(frozen=True, slots=True)
class PublishProduct:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class UnpublishProduct:
    """Make it a draft again, whether it was on sale or archived."""

    product_id: ProductId


@dataclass(frozen=True, slots=True)
class ArchiveProduct:
    """Sell it no more. Its SKUs and slugs stay its own, and what was sold of it stays readable."""

    product_id: ProductId


ProductCommand = (
    CreateProduct | DescribeProduct | ChangeSlug | VariantCommand | PublishProduct | UnpublishProduct | ArchiveProduct
)


class Status(StrEnum):
    NEW = "NEW"
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True)
class Product:
    status: Status = Status.NEW
    name: str = ""
    category_id: CategoryId = CategoryId("")
    description: str = ""
    attributes: Attributes | None = None
    variants: Mapping[Sku, Variant] = field(default_factory=dict)
    slug: str = ""
    media: tuple[Media, ...] = ()


def evolve(product: Product, event: ProductEvent) -> Product:
    match event:
        case ProductCreated(_, slug, name, category_id, description, attributes, media):
            return Product(Status.DRAFT, name, category_id, description, attributes, slug=slug, media=media)
        case ProductDescribed(_, name, category_id, description, attributes, media):
            described = replace(product, name=name, category_id=category_id, description=description)
            return replace(described, attributes=attributes, media=media)
        case ProductSlugChanged(_, slug):
            return replace(product, slug=slug)
        case VariantAdded(sku=sku):
            return _with(product, sku, added(event))
        case ProductPublished():
            return replace(product, status=Status.ACTIVE)
        case ProductUnpublished():
            return replace(product, status=Status.DRAFT)
        case ProductArchived():
            return replace(product, status=Status.ARCHIVED)
        case _:
            return _with(product, event.sku, evolved(product.variants[event.sku], event))


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
        case CreateProduct(_, slug, name, category_id, description, attributes, media):
            existing_category(category_id, read)
            check(attributes, category_id, read)
            return [
                *_slug_claimed(slug, product_id, read),
                ProductCreated(product_id, slug, name, category_id, description, attributes, media),
            ]
        case _ if product.status is Status.NEW:
            raise NotFound("product", product_id)
        case DescribeProduct():
            return _described(command, product, read)
        case ChangeSlug(_, slug):
            if slug == product.slug:
                return []
            return [*_slug_claimed(slug, product_id, read), ProductSlugChanged(product_id, slug, product.slug)]
        case AddVariant() | ChangeVariant() | ChangePrice():
            return varied(command, product_id, product.variants, read)
        case _:
            return _moved(command, product)


def _moved(command: PublishProduct | UnpublishProduct | ArchiveProduct, product: Product) -> Sequence[Event]:
    match command:
        case PublishProduct() if product.status is Status.ACTIVE:
            return []
        case PublishProduct():
            if not product.variants:
                raise InvalidTransition("product", product.status, Status.ACTIVE, why="it has no variants")
            return [ProductPublished(command.product_id)]
        case UnpublishProduct():
            return [] if product.status is Status.DRAFT else [ProductUnpublished(command.product_id)]
        case ArchiveProduct():
            return [] if product.status is Status.ARCHIVED else [ProductArchived(command.product_id)]
        case _:
            assert_never(command)


def product_of(sku: Sku, read: Read) -> ProductId:
    """The product that a SKU is a variant of. Raises NotFound."""
    owner = read(claims(sku_name(sku))).owner
    if owner is None:
        raise NotFound("variant", sku)
    return ProductId(owner)


def _slug_claimed(slug: str, product_id: ProductId, read: Read) -> Sequence[Event]:
    """Raises NameTaken."""
    name = f"product-slug:{slug}"
    if slug in NO_SLUGS:
        raise NameTaken(name)
    return claimed(name, product_id, read)


def _described(command: DescribeProduct, product: Product, read: Read) -> Sequence[Event]:
    moves = command.category_id is not None and command.category_id != product.category_id
    described = ProductDescribed(
        command.product_id,
        product.name if command.name is None else command.name,
        product.category_id if command.category_id is None else command.category_id,
        product.description if command.description is None else command.description,
        product.attributes if command.attributes is None else command.attributes,
        product.media if command.media is None else command.media,
    )
    if moves:
        existing_category(described.category_id, read)
    if moves or command.attributes is not None:
        before = None if moves else product.attributes
        check(described.attributes, described.category_id, read, before=before)
    return [described] if evolve(product, described) != product else []
