"""What every report shares: what it is asked, how periods are called, how figures are averaged, how it is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Generic, Literal, TypeVar

from queries.rows import Key, Listing, Money, Part, Rows, Window

T = TypeVar("T")

Period = Literal["day", "week", "month"]
PERIODS: tuple[Period | None, ...] = (None, "day", "week", "month")
"""None is the whole span that is asked about."""
RATE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is about: `since <= business time < until`, money in one currency, as of a position.

    In statements these are `$1` as_of, `$2` since, `$3` until, `$4` currency."""

    as_of: int
    since: datetime
    until: datetime
    currency: str

    @property
    def arguments(self) -> Key:
        return self.as_of, self.since, self.until, self.currency


@dataclass(frozen=True)
class Report(Generic[T]):
    """`reads` are the read tables that it sums up; `row` makes its rows from the listing's."""

    reads: tuple[str, ...]
    listings: Mapping[Period | None, Listing]
    row: Callable[[Any, Question, Period | None], T]
    kind: type[T]

    async def part(
        self, rows: Rows, question: Question, period: Period | None, window: Window, filters: Mapping[str, Any]
    ) -> Part:
        listing = self.listings[period]
        part = await listing.part(rows, window, filters, *question.arguments[: listing.fixed])
        return replace(part, rows=[self.row(row, question, period) for row in part.rows])


def within(at: str) -> str:
    """The condition that a business time lies in the span."""
    return f"{at} >= $2::timestamptz AND {at} < $3::timestamptz"


def period_of(period: Period | None, at: str) -> str:
    """The first day of the period that a business time lies in, in SQL."""
    return f"date_trunc('{period}', {at} AT TIME ZONE 'UTC')::date" if period else "NULL::date"


def called(starts_on: date | None, period: Period | None) -> str | None:
    """As in ISO 8601: 2017-01-02, 2017-W01, 2017-01."""
    if starts_on is None or period is None:
        return None
    if period == "day":
        return starts_on.isoformat()
    if period == "week":
        year, week, _ = starts_on.isocalendar()
        return f"{year:04}-W{week:02}"
    return f"{starts_on.year:04}-{starts_on.month:02}"


def average(total: int, number: int, currency: str) -> Money:
    """Rounded half-even to the minor unit; of nothing it is 0."""
    return Money(round(Fraction(total, number)) if number else 0, currency)


def rate(part: int, whole: int) -> float | None:
    """Such as 0.3333; None where there is nothing that it could be a part of."""
    return float(round(Fraction(part, whole), RATE_DIGITS)) if whole else None
