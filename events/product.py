"""What can happen to a product and its variants."""

from dataclasses import dataclass

from events.values import CategoryId, Money, ProductId, Sku


@dataclass(frozen=True, slots=True)
class ProductCreated:
    product_id: ProductId
    slug: str
    name: str
    category_id: CategoryId
    description: str = ""
    attributes: dict[str, str | int | float | bool] | None = None


@dataclass(frozen=True, slots=True)
class ProductDescribed:
    """Name, description, category or attributes were changed: the whole description as it is from now on."""

    product_id: ProductId
    name: str
    category_id: CategoryId
    description: str
    attributes: dict[str, str | int | float | bool] | None = None


@dataclass(frozen=True, slots=True)
class VariantAdded:
    product_id: ProductId
    sku: Sku
    price: Money
    options: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class VariantChanged:
    product_id: ProductId
    sku: Sku
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class PriceChanged:
    """The price of a variant in one currency from now on; `previous` is None for the first in that currency."""

    product_id: ProductId
    sku: Sku
    price: Money
    previous: Money | None


@dataclass(frozen=True, slots=True)
class ProductPublished:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class ProductArchived:
    product_id: ProductId


ProductEvent = (
    ProductCreated
    | ProductDescribed
    | VariantAdded
    | VariantChanged
    | PriceChanged
    | ProductPublished
    | ProductArchived
)
