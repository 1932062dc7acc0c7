"""What the till has written down, in the shop's terms: baskets of what was really sold, and what was left out and why.

Where the rows come from is the business of `parquet` and `sample`; what articles cost, that of `survey`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

CURRENCY = "USD"
OPENED_AT = datetime(2017, 1, 1, tzinfo=UTC)
"""The first instant of the year that the data is about: catalog and stock are there from then on."""


class RawLine(NamedTuple):
    """A row of the till: `at` in whole microseconds since 1970, `sales_value` in dollars as it was written."""

    at: int
    basket: int
    household: int
    article: int
    quantity: int
    sales_value: float | str


class Cause(StrEnum):
    """Why a row of the till is not a sale."""

    NO_QUANTITY = "quantity is not positive"
    NO_VALUE = "sales value is not positive"
    NEITHER = "neither quantity nor sales value is positive"


class PricedBy(StrEnum):
    """Where an article's price comes from."""

    LAST_SALE = "its last sale"
    CATEGORY = "the median of its category"
    DEPARTMENT = "the median of its department"
    EVERYTHING = "the median of all articles"


@dataclass(frozen=True, slots=True)
class Article:
    """A product as it goes on sale. `category` is empty where the data names only a department."""

    number: int
    name: str
    department: str
    category: str
    brand: str
    package_size: str
    price_minor: int
    priced_by: PricedBy
    opening_stock: int


class Sold(NamedTuple):
    """A line that was sold for `total_minor` cents."""

    article: int
    quantity: int
    total_minor: int


class LeftOut(NamedTuple):
    """A row that was not a sale, and the cents it spoke of."""

    cause: Cause
    article: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Basket:
    """One visit to the till. Without lines it was no sale."""

    number: int
    household: int
    at: datetime
    lines: tuple[Sold, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """Everything there is to bring in. `rows` may be asked for several times; they come by time, then basket."""

    articles: Mapping[int, Article]
    rows: Callable[[], Iterable[RawLine]]

    def baskets(self) -> Iterator[Basket]:
        for _, rows in groupby(self.rows(), key=attrgetter("at", "basket")):
            yield _basket(list(rows))


@lru_cache(maxsize=16_384)
def cents(sales_value: float | str) -> int:
    """Whole cents of an amount in dollars, as it is written in decimal; a half goes to the even cent."""
    return int((Decimal(str(sales_value)) * 100).to_integral_value(ROUND_HALF_EVEN))


def unit_price(total_minor: int, quantity: int) -> int:
    """What one unit cost, in whole cents (a half goes to the even one), and never nothing."""
    price, rest = divmod(total_minor, quantity)
    if 2 * rest > quantity or (2 * rest == quantity and price % 2):
        price += 1
    return max(price, 1)


def _basket(rows: list[RawLine]) -> Basket:
    lines, left_out = [], []
    for row in rows:
        amount = cents(row.sales_value)
        if row.quantity > 0 and amount > 0:
            lines.append(Sold(row.article, row.quantity, amount))
        elif amount > 0:
            left_out.append(LeftOut(Cause.NO_QUANTITY, row.article, amount))
        else:
            left_out.append(LeftOut(Cause.NO_VALUE if row.quantity > 0 else Cause.NEITHER, row.article, amount))
    first = rows[0]
    seconds, microseconds = divmod(first.at, 1_000_000)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    return Basket(first.basket, first.household, at, tuple(lines), tuple(left_out))
