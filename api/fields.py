"""The types that requests are made of, with their limits: what passes here can be written down."""

import re
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from events.values import CURRENCY_EXPONENTS, Address, CategoryId, Media, Money, OrderId, ProductId, Sku, UserId

MAX_PRICE_MINOR = 10_000_000_000
MAX_UNITS = 1_000_000_000

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SKU = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _known_currency(code: str) -> str:
    if code not in CURRENCY_EXPONENTS:
        raise ValueError("not a currency that this shop knows (ISO 4217 code)")
    return code


def typeid(prefix: str) -> str:
    """The pattern of identities of one kind."""
    return rf"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"


Printable = AfterValidator(_printable)
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Printable]
Description = Annotated[str, StringConstraints(max_length=10_000), Printable]
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, strip_whitespace=True),
    Printable,
    Field(description="Stays in the book for ever, also when somebody is forgotten: name no person."),
]
ShortText = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), Printable]
Slug = Annotated[str, StringConstraints(pattern=_SLUG, max_length=100)]
SkuField = Annotated[Sku, Field(pattern=_SKU)]
LocationField = Annotated[str, Field(pattern=_SLUG, max_length=50, description="Where stock is kept.")]
CategoryField = Annotated[CategoryId, Field(pattern=typeid("cat"))]
Currency = Annotated[str, AfterValidator(_known_currency), Field(examples=["USD"])]
Units = Annotated[int, Field(ge=1, le=MAX_UNITS, strict=True)]
AttributeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
AttributeValue = (
    Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
    | ShortText
)
AttributesField = Annotated[dict[AttributeName, AttributeValue], Field(max_length=50)]
OptionsField = Annotated[dict[AttributeName, ShortText], Field(max_length=10)]

TaxClass = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,29}$"), Field(examples=["standard"])]
Weight = Annotated[int, Field(ge=0, le=MAX_UNITS, strict=True, description="Grams.", examples=[350])]

CountryField = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"], description="ISO 3166 code.")]
_CODE = r"^[A-Za-z0-9][A-Za-z0-9_-]{1,39}$"
CouponCode = Annotated[str, StringConstraints(pattern=_CODE, to_upper=True), Field(examples=["SPRING"])]

CountryPath = Annotated[str, Path(pattern=r"^[A-Z]{2}$", examples=["DE"])]
CouponPath = Annotated[str, Path(pattern=_CODE, examples=["SPRING"]), AfterValidator(str.upper)]
ZonePath = Annotated[str, Path(pattern=_SLUG, max_length=50, examples=["eu"])]
OrderPath = Annotated[OrderId, Path(pattern=typeid("ord"))]
ProductPath = Annotated[ProductId, Path(pattern=typeid("prd"))]
CategoryPath = Annotated[CategoryId, Path(pattern=typeid("cat"))]
UserPath = Annotated[UserId, Path(pattern=typeid("usr"))]
SkuPath = Annotated[Sku, Path(pattern=_SKU)]
LocationPath = Annotated[str, Path(pattern=_SLUG, max_length=50, examples=["main"])]


class Body(BaseModel):
    """A request body: unknown fields are refused, not ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class MoneyField(Body):
    """An amount in integer minor units (cents) of an ISO 4217 currency."""

    amount: Annotated[int, Field(ge=0, le=MAX_PRICE_MINOR, strict=True, examples=[1999])]
    currency: Currency

    def value(self) -> Money:
        return Money(self.amount, self.currency)


AmountList = Annotated[list[MoneyField], Field(max_length=len(CURRENCY_EXPONENTS))]


class MediaField(Body):
    """A picture, film or document that lies elsewhere."""

    url: Annotated[str, Field(pattern=r"^(https?:/)?/[!-~]+$", max_length=2_000, examples=["https://cdn.test/mug.jpg"])]
    alt: ShortText = ""
    kind: Literal["image", "video", "document", "model"] = "image"

    def value(self) -> Media:
        return Media(self.url, self.alt, self.kind)


MediaList = Annotated[list[MediaField], Field(max_length=50)]


class AddressField(Body):
    """Where a parcel goes."""

    name: Name
    line1: Name
    line2: ShortText = ""
    city: Name
    postal_code: Annotated[str, StringConstraints(min_length=1, max_length=20), Printable]
    country: CountryField

    def value(self) -> Address:
        return Address(self.name, self.line1, self.city, self.postal_code, self.country, self.line2)
