"""What an order costs: the whole computation from unit prices to the total, in integer minor units, every step told.

In this order: units times price; the coupon, spread over the lines it is for by largest remainder; shipping; tax, per
line and half-even. The numbers of a placed order come from here and are never computed again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from commands.shipping import price_of
from commands.tax import CountryTaxes
from events.coupon import CouponKind, CouponTerms
from events.order import Shipping
from events.shipping import ShippingMethod
from events.values import Line, Money

BASIS_POINTS = 10_000
PPM = 1_000_000
SHIPPING_CLASS = "shipping"


@dataclass(frozen=True, slots=True)
class Goods:
    """An article in a quantity, at its price and without discount or tax. `covered`: a coupon may be for it."""

    line: Line
    tax_class: str
    covered: bool = True


class StepKind(StrEnum):
    GOODS = "goods"
    DISCOUNT = "discount"
    SHIPPING = "shipping"
    TAX = "tax"


@dataclass(frozen=True, slots=True)
class Step:
    """One step from nothing to the total. A tax that is `contained` in the prices says so and adds nothing."""

    kind: StepKind
    text: str
    amount: Money
    contained: bool = False


@dataclass(frozen=True, slots=True)
class Totals:
    """`discount` and `tax` are sums over lines and shipping."""

    lines: tuple[Line, ...]
    shipping: Shipping | None
    subtotal: Money
    """Of the goods, before any discount."""
    discount: Money
    tax: Money
    total: Money
    prices_include_tax: bool

    @property
    def steps(self) -> list[Step]:
        """Those that are not contained sum to `total`."""
        return [*_told(self.lines, self.shipping), *_told_tax(self.parts, self.prices_include_tax)]

    @property
    def parts(self) -> Sequence[Line | Shipping]:
        """All that is sold and taxed."""
        return _parts(self.lines, self.shipping)


def totals(
    goods: Sequence[Goods],
    coupon: CouponTerms | None = None,
    method: ShippingMethod | None = None,
    taxes: CountryTaxes | None = None,
) -> Totals:
    """Goods are at least one, all in one currency. Whether the coupon may be used has been found out before."""
    currency = goods[0].line.total.currency
    contained = taxes is not None and taxes.prices_include_tax
    off = _discounts(goods, coupon, currency)
    lines = tuple(_line(each, less, taxes) for each, less in zip(goods, off, strict=True))
    shipping = _shipping(method, coupon, sum(line.total.amount for line in lines), currency, taxes)
    parts = _parts(lines, shipping)
    discount, tax = sum(part.discount for part in parts), sum(part.tax for part in parts)
    total = sum(part.total.amount for part in parts) + (0 if contained else tax)
    return Totals(
        lines,
        shipping,
        Money(sum(each.line.total.amount for each in goods), currency),
        Money(discount, currency),
        Money(tax, currency),
        Money(total, currency),
        contained,
    )


def tax_of(amount: int, rate_ppm: int, *, contained: bool) -> int:
    """In minor units, half-even: what is in `amount`, or what comes on top of it."""
    return half_even(amount * rate_ppm, PPM + rate_ppm if contained else PPM)


def half_even(numerator: int, denominator: int) -> int:
    """The quotient of two that are not negative, rounded to the nearest whole number, and a half to the even one."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2))


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """Shares in proportion that sum to the amount: what rounding down leaves goes to the largest remainders.

    No share is more than its weight, if the amount is no more than their sum."""
    whole = sum(weights)
    if not amount or not whole:
        return [0] * len(weights)
    shares = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: -(amount * weights[n] % whole))
    for n in by_remainder[: amount - sum(shares)]:
        shares[n] += 1
    return shares


def covered_amount(goods: Sequence[Goods]) -> int:
    """What the goods that a coupon is for come to, in minor units."""
    return sum(each.line.total.amount for each in goods if each.covered)


def _parts(lines: tuple[Line, ...], shipping: Shipping | None) -> Sequence[Line | Shipping]:
    return (*lines, shipping) if shipping else lines


def _discounts(goods: Sequence[Goods], coupon: CouponTerms | None, currency: str) -> list[int]:
    base, off = covered_amount(goods), 0
    if coupon is not None and coupon.kind is CouponKind.PERCENT:
        off = half_even(base * coupon.percent_bp, BASIS_POINTS)
    elif coupon is not None and coupon.kind is CouponKind.FIXED:
        off = min(base, sum(each.amount for each in coupon.amounts if each.currency == currency))
    return spread(off, [each.line.total.amount if each.covered else 0 for each in goods])


def _line(goods: Goods, discount: int, taxes: CountryTaxes | None) -> Line:
    if not discount and taxes is None:
        return goods.line
    total = replace(goods.line.total, amount=goods.line.total.amount - discount)
    rate_ppm, tax = _taxed(total, goods.tax_class, taxes)
    return replace(goods.line, total=total, discount=discount, tax=tax, tax_ppm=rate_ppm)


def _shipping(
    method: ShippingMethod | None, coupon: CouponTerms | None, goods: int, currency: str, taxes: CountryTaxes | None
) -> Shipping | None:
    if method is None:
        return None
    price = price_of(method, Money(goods, currency))
    assert price is not None, "only methods with a price in the currency are offered"
    discount = price.amount if coupon is not None and coupon.kind is CouponKind.FREE_SHIPPING else 0
    total = Money(price.amount - discount, currency)
    rate_ppm, tax = _taxed(total, SHIPPING_CLASS, taxes)
    return Shipping(method.method_id, method.name, price, total, discount, tax, rate_ppm)


def _taxed(total: Money, tax_class: str, taxes: CountryTaxes | None) -> tuple[int, int]:
    if taxes is None:
        return 0, 0
    rate_ppm = taxes.rate_ppm(tax_class)
    return rate_ppm, tax_of(total.amount, rate_ppm, contained=taxes.prices_include_tax)


def _told(lines: Sequence[Line], shipping: Shipping | None) -> list[Step]:
    currency = lines[0].total.currency
    steps = [
        Step(StepKind.GOODS, f"{line.quantity:,} x {line.name} ({line.sku}) at {line.unit_price}", before)
        for line in lines
        for before in [Money(line.total.amount + line.discount, currency)]
    ]
    steps += [
        Step(StepKind.DISCOUNT, f"coupon, {line.sku}", Money(-line.discount, currency))
        for line in lines
        if line.discount
    ]
    if shipping is not None:
        steps.append(Step(StepKind.SHIPPING, shipping.name, shipping.price))
        if shipping.discount:
            steps.append(Step(StepKind.DISCOUNT, "coupon, shipping", Money(-shipping.discount, currency)))
    return steps


def _told_tax(parts: Sequence[Line | Shipping], contained: bool) -> list[Step]:
    """One step a rate: each line was rounded by itself, and these are the sums."""
    currency = parts[0].total.currency
    taxed: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for part in parts:
        if part.tax_ppm:
            base, tax = taxed[part.tax_ppm]
            taxed[part.tax_ppm] = base + part.total.amount, tax + part.tax
    return [
        Step(
            StepKind.TAX,
            f"{rate_ppm / BASIS_POINTS:.6g} % tax {'in' if contained else 'on'} {Money(base, currency)}",
            Money(tax, currency),
            contained,
        )
        for rate_ppm, (base, tax) in sorted(taxed.items())
    ]
