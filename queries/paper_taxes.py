"""What tax is in an amount, rate by rate, to the minor unit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from queries.order_summary import Order, OrderLine, Shipping
from queries.rows import Money


@dataclass(frozen=True, slots=True)
class TaxSum:
    """Of all that bears one rate, in parts per million: `net + tax = gross`."""

    tax_ppm: int
    net: Money
    tax: Money
    gross: Money


@dataclass(frozen=True, slots=True)
class Part:
    """An amount with the tax that is in it, in minor units."""

    tax_ppm: int
    gross: int
    tax: int

    def share(self, gross: int) -> "Part":
        """So much of it, with the tax that is in that, half-even."""
        return Part(self.tax_ppm, gross, _half_even(self.tax * gross, self.gross) if self.gross else 0)


def parts_of(order: Order) -> list[Part]:
    """Its lines, and behind them the shipping. They sum to the order's total."""
    sold: list[OrderLine | Shipping] = [*order.lines, *([order.shipping] if order.shipping else [])]
    return [
        Part(each.tax_ppm, each.total.amount + (0 if order.prices_include_tax else each.tax.amount), each.tax.amount)
        for each in sold
    ]


def taxes(parts: Iterable[Part], currency: str) -> list[TaxSum]:
    """Highest rate first."""
    return [
        TaxSum(
            each.tax_ppm,
            Money(each.gross - each.tax, currency),
            Money(each.tax, currency),
            Money(each.gross, currency),
        )
        for each in by_rate(parts)
    ]


def shares(parts: Sequence[Part], total: Money) -> list[Part]:
    """A part of the whole that is not about any line: spread over the rates by what they stand for, by largest
    remainder. All of the whole is the whole."""
    rates = by_rate(parts)
    whole = sum(each.gross for each in rates)
    if whole == 0:
        return [Part(0, total.amount, 0)]
    floors = [each.gross * total.amount // whole for each in rates]
    remainders = [each.gross * total.amount % whole for each in rates]
    left = total.amount - sum(floors)
    for n in sorted(range(len(rates)), key=lambda n: -remainders[n])[:left]:
        floors[n] += 1
    return [rate.share(gross) for rate, gross in zip(rates, floors, strict=True)]


def by_rate(parts: Iterable[Part]) -> list[Part]:
    sums: dict[int, Part] = {}
    for part in parts:
        before = sums.get(part.tax_ppm, Part(part.tax_ppm, 0, 0))
        sums[part.tax_ppm] = Part(part.tax_ppm, before.gross + part.gross, before.tax + part.tax)
    return [sums[rate] for rate in sorted(sums, reverse=True)]


def _half_even(dividend: int, divisor: int) -> int:
    quotient, remainder = divmod(dividend, divisor)
    twice = 2 * remainder
    return quotient + (twice > divisor or (twice == divisor and quotient % 2 == 1))
