"""Staff keep the catalog: categories, products, variants and prices."""

from fastapi import APIRouter, Response

from api.fields import (
    AttributesField,
    Body,
    CategoryField,
    CategoryPath,
    Description,
    MoneyField,
    Name,
    OptionsField,
    ProductPath,
    SkuField,
    SkuPath,
    Slug,
)
from api.handling import Changed, Handle
from api.security import Staff
from commands.category import CreateCategory, RemoveCategory, RenameCategory, categories
from commands.claim import claims, sku_name
from commands.product import (
    AddVariant,
    ArchiveProduct,
    ChangePrice,
    ChangeVariant,
    CreateProduct,
    DescribeProduct,
    PublishProduct,
    products,
)
from commands.rejections import NotFound
from events.values import CategoryId, ProductId
from infrastructure.ids import new_id

router = APIRouter(prefix="/v1", tags=["catalog"])


class NewCategory(Body):
    slug: Slug
    name: Name
    parent_id: CategoryField | None = None


class CategoryChange(Body):
    name: Name


class NewProduct(Body):
    slug: Slug
    name: Name
    category_id: CategoryField
    description: Description = ""
    attributes: AttributesField | None = None


class ProductChange(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    category_id: CategoryField | None = None
    description: Description | None = None
    attributes: AttributesField | None = None


class NewVariant(Body):
    sku: SkuField
    price: MoneyField
    options: OptionsField | None = None


class VariantChange(Body):
    options: OptionsField


@router.post("/categories", status_code=201, response_model=Changed)
async def create_category(body: NewCategory, staff: Staff, handle: Handle) -> Response:
    category_id = CategoryId(new_id("cat"))
    command = CreateCategory(category_id, body.slug, body.name, body.parent_id)
    return await handle(command, about=categories(category_id), status=201, location=f"/v1/categories/{category_id}")


@router.patch("/categories/{category_id}", response_model=Changed)
async def change_category(category_id: CategoryPath, body: CategoryChange, staff: Staff, handle: Handle) -> Response:
    return await handle(RenameCategory(category_id, body.name), about=categories(category_id))


@router.delete("/categories/{category_id}", response_model=Changed)
async def remove_category(category_id: CategoryPath, staff: Staff, handle: Handle) -> Response:
    """Take a category out of the tree. Its products stay."""
    return await handle(RemoveCategory(category_id), about=categories(category_id))


@router.post("/products", status_code=201, response_model=Changed)
async def create_product(body: NewProduct, staff: Staff, handle: Handle) -> Response:
    """A draft, which shoppers see once it has a variant and is published."""
    product_id = ProductId(new_id("prd"))
    command = CreateProduct(
        product_id, body.slug, body.name, body.category_id, body.description, body.attributes or None
    )
    return await handle(command, about=products(product_id), status=201, location=f"/v1/products/{product_id}")


@router.patch("/products/{product_id}", response_model=Changed)
async def change_product(product_id: ProductPath, body: ProductChange, staff: Staff, handle: Handle) -> Response:
    command = DescribeProduct(product_id, body.name, body.category_id, body.description, body.attributes)
    return await handle(command, about=products(product_id))


@router.post("/products/{product_id}/publish", response_model=Changed)
async def publish_product(product_id: ProductPath, staff: Staff, handle: Handle) -> Response:
    return await handle(PublishProduct(product_id), about=products(product_id))


@router.post("/products/{product_id}/archive", response_model=Changed)
async def archive_product(product_id: ProductPath, staff: Staff, handle: Handle) -> Response:
    return await handle(ArchiveProduct(product_id), about=products(product_id))


@router.post("/products/{product_id}/variants", status_code=201, response_model=Changed)
async def add_variant(product_id: ProductPath, body: NewVariant, staff: Staff, handle: Handle) -> Response:
    command = AddVariant(product_id, body.sku, body.price.value(), body.options or None)
    return await handle(command, about=products(product_id), status=201)


@router.patch("/variants/{sku}", response_model=Changed)
async def change_variant(sku: SkuPath, body: VariantChange, staff: Staff, handle: Handle) -> Response:
    product_id = await _product_of(sku, handle)
    return await handle(ChangeVariant(sku, dict(body.options)), about=products(product_id))


@router.put("/variants/{sku}/price", response_model=Changed)
async def change_price(sku: SkuPath, body: MoneyField, staff: Staff, handle: Handle) -> Response:
    """Set the price in one currency from now on. Every change stays in the price history."""
    product_id = await _product_of(sku, handle)
    return await handle(ChangePrice(sku, body.value()), about=products(product_id))


async def _product_of(sku: SkuPath, handle: Handle) -> ProductId:
    owner = (await handle.shop.handler.read(claims(sku_name(sku)))).owner
    if owner is None:
        raise NotFound("variant", sku)
    return ProductId(owner)
