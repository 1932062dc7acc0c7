"""Staff keep the catalog: products and their variants."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from api.fields import (
    AttributesField,
    Body,
    CategoryField,
    Description,
    MediaList,
    MoneyField,
    Name,
    OptionsField,
    ProductPath,
    SkuField,
    SkuPath,
    Slug,
    TaxClass,
    Weight,
)
from api.handling import Changed, Handle, Handling
from api.problems import invalid
from api.security import Staff
from api.straight import StraightRoute
from commands.claim import claims, sku_name
from commands.product import (
    ArchiveProduct,
    ChangeSlug,
    CreateProduct,
    DescribeProduct,
    PublishProduct,
    UnpublishProduct,
    products,
)
from commands.rejections import NotFound
from commands.variant import AddVariant, ChangeVariant
from events.product import STANDARD_TAX
from events.values import Money, ProductId
from infrastructure.ids import new_id

router = APIRouter(prefix="/v1", tags=["catalog"], route_class=StraightRoute)


class NewProduct(Body):
    slug: Slug
    name: Name
    category_id: CategoryField
    description: Description = ""
    attributes: AttributesField | None = None
    media: MediaList = Field(default_factory=list)


class ProductChange(Body):
    """What is left out stays as it is. Attributes and media are given whole, or not at all."""

    slug: Annotated[Slug | None, Field(description="The one it had keeps leading to it.")] = None
    name: Name | None = None
    category_id: CategoryField | None = None
    description: Description | None = None
    attributes: AttributesField | None = None
    media: MediaList | None = None


class NewVariant(Body):
    """`compare_at` is a price to be shown beside it, struck through."""

    sku: SkuField
    price: MoneyField
    options: OptionsField | None = None
    tax_class: TaxClass = STANDARD_TAX
    weight_g: Weight | None = None
    compare_at: MoneyField | None = None


class VariantChange(Body):
    """What is left out stays as it is."""

    options: OptionsField | None = None
    tax_class: TaxClass | None = None
    weight_g: Weight | None = None


@router.post("/products", status_code=201, response_model=Changed)
async def create_product(body: NewProduct, staff: Staff, handle: Handle) -> Response:
    """A draft, which shoppers see once it has a variant and is published."""
    product_id = ProductId(new_id("prd"))
    media = tuple(each.value() for each in body.media)
    command = CreateProduct(
        product_id, body.slug, body.name, body.category_id, body.description, body.attributes or None, media
    )
    return await handle(command, about=products(product_id), status=201, location=f"/v1/products/{product_id}")


@router.patch("/products/{product_id}", response_model=Changed)
async def change_product(product_id: ProductPath, body: ProductChange, staff: Staff, handle: Handle) -> Response:
    """What it says of itself must be what its category declares, as far as this changes it."""
    media = None if body.media is None else tuple(each.value() for each in body.media)
    describe = DescribeProduct(product_id, body.name, body.category_id, body.description, body.attributes, media)
    rename = [ChangeSlug(product_id, body.slug)] if body.slug is not None else []
    return await handle(describe, *rename, about=products(product_id))


@router.post("/products/{product_id}/publish", response_model=Changed)
async def publish_product(product_id: ProductPath, staff: Staff, handle: Handle) -> Response:
    return await handle(PublishProduct(product_id), about=products(product_id))


@router.post("/products/{product_id}/unpublish", response_model=Changed)
async def unpublish_product(product_id: ProductPath, staff: Staff, handle: Handle) -> Response:
    """Make it a draft again: shoppers do not see it until it is published."""
    return await handle(UnpublishProduct(product_id), about=products(product_id))


@router.post("/products/{product_id}/archive", response_model=Changed)
async def archive_product(product_id: ProductPath, staff: Staff, handle: Handle) -> Response:
    """Sell it no more. Its SKUs and slugs stay its own; orders and carts that name it stay readable."""
    return await handle(ArchiveProduct(product_id), about=products(product_id))


@router.post("/products/{product_id}/variants", status_code=201, response_model=Changed)
async def add_variant(product_id: ProductPath, body: NewVariant, staff: Staff, handle: Handle) -> Response:
    price, compare_at = prices_of(body.price.value(), body.compare_at)
    command = AddVariant(product_id, body.sku, price, body.options or None, body.tax_class, body.weight_g, compare_at)
    return await handle(command, about=products(product_id), status=201)


@router.patch("/variants/{sku}", response_model=Changed)
async def change_variant(sku: SkuPath, body: VariantChange, staff: Staff, handle: Handle) -> Response:
    product_id = await product_of_sku(sku, handle)
    command = ChangeVariant(sku, body.options, body.tax_class, body.weight_g)
    return await handle(command, about=products(product_id))


async def product_of_sku(sku: SkuPath, handle: Handling) -> ProductId:
    """Raises NotFound."""
    owner = (await handle.shop.handler.read(claims(sku_name(sku)))).owner
    if owner is None:
        raise NotFound("variant", sku)
    return ProductId(owner)


def prices_of(price: Money, compare_at: MoneyField | None) -> tuple[Money, Money | None]:
    """Raises Problem 422 for a price to compare with that is lower, or in another currency."""
    if compare_at is None:
        return price, None
    if compare_at.currency != price.currency or compare_at.amount <= price.amount:
        raise invalid("/compare_at", "Should be higher than the price, and in its currency.")
    return price, compare_at.value()
