"""The small values that facts are made of: identities, money, order lines, addresses."""

from dataclasses import dataclass, field
from typing import Any, NewType

from events.quick import quick

CategoryId = NewType("CategoryId", str)
ProductId = NewType("ProductId", str)
Sku = NewType("Sku", str)
CartId = NewType("CartId", str)
OrderId = NewType("OrderId", str)
PaymentId = NewType("PaymentId", str)
CaptureId = NewType("CaptureId", str)
RefundId = NewType("RefundId", str)
ReturnId = NewType("ReturnId", str)
UserId = NewType("UserId", str)

DEFAULT_LOCATION = "main"
GUEST = "gst"
"""The kind of identity of a guest, who is another person with each order."""
FORGOTTEN = "Forgotten"
"""Stands for personal texts of someone who is forgotten."""

_TWO_DIGITS = (
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR MXN MYR NOK NZD PHP PLN RON SEK SGD THB TRY USD ZAR"
)
_OTHER_DIGITS = {"JPY": 0, "KRW": 0, "ISK": 0, "CLP": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3, "JOD": 3, "TND": 3}
CURRENCY_EXPONENTS = dict.fromkeys(_TWO_DIGITS.split(), 2) | _OTHER_DIGITS
"""ISO 4217: how many digits of an amount stand behind the decimal point."""


def personal(*, default: Any = ...) -> Any:
    """Mark a field of a fact as personal data: it is what forgetting a person must make unreadable."""
    metadata = {"personal": True}
    return field(metadata=metadata) if default is ... else field(default=default, metadata=metadata)


def is_guest(customer_id: UserId) -> bool:
    return customer_id.startswith(f"{GUEST}_")


class CurrencyMismatch(ValueError):
    """Amounts of two currencies were added or compared."""


@quick
@dataclass(frozen=True, slots=True)
class Money:
    """An amount in integer minor units (cents) of an ISO 4217 currency."""

    amount: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.amount * quantity, self.currency)

    def as_dict(self) -> dict[str, Any]:
        """As it is answered."""
        return {"amount": self.amount, "currency": self.currency}

    def __str__(self) -> str:
        """In major units, for people ("19.99 EUR")."""
        digits = CURRENCY_EXPONENTS.get(self.currency, 2)
        sign, (major, minor) = ("-" if self.amount < 0 else ""), divmod(abs(self.amount), 10**digits)
        return f"{sign}{major:,}{f'.{minor:0{digits}d}' if digits else ''} {self.currency}"

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not add up")


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, film or document that lies elsewhere. `kind` is image, video, document or model; `alt` says in words
    what is to be seen."""

    url: str
    alt: str = ""
    kind: str = "image"


@dataclass(frozen=True, slots=True)
class Attribute:
    """What products of a category may say of themselves. `kind` is text, number, boolean or enum, the last with its
    values."""

    name: str
    kind: str
    values: tuple[str, ...] = ()


@quick
@dataclass(frozen=True, slots=True)
class Line:
    """One article of an order as it was sold: what it was called and cost is frozen here.

    `total` is what the line sold for. It is `unit_price * quantity - discount` for our own checkouts; history brought
    in from elsewhere keeps its total even where no whole unit price divides into it. `discount` and `tax` are in the
    minor units of `total`; the tax is contained in it or comes on top, as `prices_include_tax` of the order says.
    """

    sku: Sku
    product_id: ProductId
    name: str
    category_id: CategoryId
    quantity: int
    unit_price: Money
    total: Money
    discount: int = 0
    tax: int = 0
    tax_ppm: int = 0
    """The rate, in parts per million: 190,000 is 19 %."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a parcel goes. Personal data as a whole."""

    name: str
    line1: str
    city: str
    postal_code: str
    country: str
    line2: str = ""
