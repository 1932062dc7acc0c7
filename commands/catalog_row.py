"""One row of a table of products: what it says becomes true, and what it leaves out stays as it is.

A row is about a product, found by its slug, and one of its variants, found by its SKU. Who brings the same row again
changes nothing, so a table can be brought in again after it was cut short. All that a row leads to is stored together
or not at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from commands import product
from commands.attributes import Attributes, as_declared, declared
from commands.category import categories
from commands.claim import claims, sku_name
from commands.decider import Ahead, Read
from commands.product import (
    ArchiveProduct,
    CreateProduct,
    DescribeProduct,
    Product,
    ProductCommand,
    PublishProduct,
    Status,
    UnpublishProduct,
    product_of,
    products,
)
from commands.rejections import NotFound, Rejected
from commands.variant import AddVariant, ChangePrice, ChangeVariant
from events import Event
from events.product import STANDARD_TAX
from events.values import CategoryId, Media, Money, ProductId, Sku


@dataclass(frozen=True, slots=True)
class PutCatalogRow:
    """`product_id` is the product's if its slug is new. `category` is an id or a slug. With `texts` the attributes come
    as they are spelled in a table; each becomes what the category declares. Named attributes change, others stay."""

    product_id: ProductId
    slug: str | None = None
    name: str | None = None
    description: str | None = None
    category: str | None = None
    status: str | None = None
    attributes: Attributes | None = None
    media: tuple[Media, ...] | None = None
    sku: Sku | None = None
    price: Money | None = None
    compare_at: Money | None = None
    options: dict[str, str] | None = None
    tax_class: str | None = None
    weight_g: int | None = None
    texts: bool = False


class FieldRequired(Rejected):
    """Something new cannot be made without this field."""

    code = "field_required"

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"{what} needs a {field}.", field=field)


def decide(command: PutCatalogRow, read: Read) -> Sequence[Event]:
    ahead = Ahead(read)
    product_id = _product_id(command, ahead)
    if product_id == command.product_id:
        ahead(products.new(product_id))
    facts: list[Event] = []
    for steps in (_of_product, _of_variant, _of_status):
        for step in steps(command, product_id, ahead):
            following = product.decide(step, ahead)
            ahead.evolve(following)
            facts += following
    return facts


def _product_id(row: PutCatalogRow, read: Read) -> ProductId:
    """Raises NotFound for a row about a variant alone that does not exist."""
    if row.slug is not None:
        return ProductId(read(claims(f"product-slug:{row.slug}")).owner or row.product_id)
    if row.sku is None:
        raise FieldRequired("slug", "A row")
    return product_of(row.sku, read)


def _of_product(row: PutCatalogRow, product_id: ProductId, read: Read) -> Iterator[ProductCommand]:
    there = read(products(product_id))
    category_id = None if row.category is None else _category_id(row.category, there, read)
    attributes = None
    if row.attributes:
        attributes = _said(row, category_id or there.category_id, there, read)
    if there.status is not Status.NEW:
        yield DescribeProduct(product_id, row.name, category_id, row.description, attributes, row.media)
        return
    if row.slug is None or row.name is None or category_id is None:
        missing = "slug" if row.slug is None else "name" if row.name is None else "category"
        raise FieldRequired(missing, "A product that is new")
    yield CreateProduct(product_id, row.slug, row.name, category_id, row.description or "", attributes, row.media or ())


def _of_variant(row: PutCatalogRow, product_id: ProductId, read: Read) -> Iterator[ProductCommand]:
    if row.sku is None:
        return
    there = read(products(product_id)).variants.get(row.sku)
    if there is None:
        if row.price is None:
            raise FieldRequired("price_minor", "A variant that is new")
        tax_class = row.tax_class or STANDARD_TAX
        yield AddVariant(product_id, row.sku, row.price, row.options, tax_class, row.weight_g, row.compare_at)
        return
    yield ChangeVariant(row.sku, row.options, row.tax_class, row.weight_g)
    if row.price is not None:
        same = there.prices.get(row.price.currency) == row.price
        compare_at = row.compare_at or (there.compare_at.get(row.price.currency) if same else None)
        yield ChangePrice(row.sku, row.price, compare_at)


def _of_status(row: PutCatalogRow, product_id: ProductId, read: Read) -> Iterator[ProductCommand]:
    match row.status:
        case "active":
            yield PublishProduct(product_id)
        case "archived":
            yield ArchiveProduct(product_id)
        case "draft":
            yield UnpublishProduct(product_id)


def _category_id(named: str, there: Product, read: Read) -> CategoryId:
    """Raises NotFound."""
    if named.startswith("cat_"):  # a slug has no underscore
        category_id = CategoryId(named)
        if category_id != there.category_id and not read(categories(category_id)).exists:
            raise NotFound("category", named)
        return category_id
    owner = read(claims(f"category-slug:{named}")).owner
    if owner is None:
        raise NotFound("category", named)
    return CategoryId(owner)


def _said(row: PutCatalogRow, category_id: CategoryId, there: Product, read: Read) -> Attributes:
    present, given = there.attributes or {}, row.attributes or {}
    if row.texts:
        kinds = declared(category_id, read)
        given = {name: as_declared(str(text), kinds.get(name), present.get(name)) for name, text in given.items()}
    return {**present, **given}


def reads_ahead(row: PutCatalogRow) -> list[str]:
    """The names whose claims a row is going to ask for."""
    names = [sku_name(row.sku)] if row.sku is not None else []
    if row.slug is not None:
        names.append(f"product-slug:{row.slug}")
    return names
