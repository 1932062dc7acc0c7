"""What can happen to a product and its variants."""

from dataclasses import dataclass
from datetime import datetime

from events.values import CategoryId, Media, Money, ProductId, Sku

STANDARD_TAX = "standard"


@dataclass(frozen=True, slots=True)
class ProductCreated:
    product_id: ProductId
    slug: str
    name: str
    category_id: CategoryId
    description: str = ""
    attributes: dict[str, str | int | float | bool] | None = None
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductDescribed:
    """Name, description, category, attributes or media were changed: the whole description as it is from now on."""

    product_id: ProductId
    name: str
    category_id: CategoryId
    description: str
    attributes: dict[str, str | int | float | bool] | None = None
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductSlugChanged:
    """It is found under this slug from now on. It keeps the old one, which nobody else can take."""

    product_id: ProductId
    slug: str
    previous: str


@dataclass(frozen=True, slots=True)
class VariantAdded:
    product_id: ProductId
    sku: Sku
    price: Money
    options: dict[str, str] | None = None
    tax_class: str = STANDARD_TAX
    weight_g: int | None = None
    compare_at: Money | None = None


@dataclass(frozen=True, slots=True)
class VariantChanged:
    """Options, tax class or weight were changed: all three as they are from now on."""

    product_id: ProductId
    sku: Sku
    options: dict[str, str]
    tax_class: str = STANDARD_TAX
    weight_g: int | None = None


@dataclass(frozen=True, slots=True)
class PriceChanged:
    """The price of a variant in one currency from now on; `previous` is None for the first in that currency.

    `compare_at` is a price to be shown beside it, struck through. `schedule_id` names the schedule that did it."""

    product_id: ProductId
    sku: Sku
    price: Money
    previous: Money | None
    compare_at: Money | None = None
    schedule_id: str | None = None


@dataclass(frozen=True, slots=True)
class PriceScheduled:
    """From `starts_at` on the variant shall cost this, and from `ends_at` on, if there is one, what it did before."""

    product_id: ProductId
    sku: Sku
    schedule_id: str
    price: Money
    starts_at: datetime
    ends_at: datetime | None = None
    compare_at: Money | None = None


@dataclass(frozen=True, slots=True)
class PriceScheduleStarted:
    product_id: ProductId
    sku: Sku
    schedule_id: str


@dataclass(frozen=True, slots=True)
class PriceScheduleEnded:
    """It has run its time, or another price was set meanwhile."""

    product_id: ProductId
    sku: Sku
    schedule_id: str


@dataclass(frozen=True, slots=True)
class PriceScheduleCancelled:
    product_id: ProductId
    sku: Sku
    schedule_id: str


@dataclass(frozen=True, slots=True)
class ProductPublished:
    product_id: ProductId


@dataclass(frozen=True, slots=True)
class ProductUnpublished:
    """It is a draft again: off the shelf while it is worked on, and meant to come back."""

    product_id: ProductId


@dataclass(frozen=True, slots=True)
class ProductArchived:
    product_id: ProductId


ProductEvent = (
    ProductCreated
    | ProductDescribed
    | ProductSlugChanged
    | VariantAdded
    | VariantChanged
    | PriceChanged
    | PriceScheduled
    | PriceScheduleStarted
    | PriceScheduleEnded
    | PriceScheduleCancelled
    | ProductPublished
    | ProductUnpublished
    | ProductArchived
)
