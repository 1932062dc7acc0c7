"""Whatever is in a cart, whatever the coupon, the shipping and the taxes: the sums hold to the minor unit."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from hypothesis import assume, example, given
from hypothesis import strategies as st

from commands.tax import MAX_RATE_PPM, CountryTaxes
from commands.totals import Goods, Totals, half_even, spread, tax_of, totals
from events.coupon import CouponKind, CouponTerms
from events.product import STANDARD_TAX
from events.shipping import ShippingMethod
from events.values import CategoryId, Line, Money, ProductId, Sku

CLASSES = [STANDARD_TAX, "reduced", "shipping", "unheard-of"]
AMOUNT, PRICE = st.integers(0, 10**9), st.integers(0, 10**10)


def money(amount: int) -> Money:
    return Money(amount, "EUR")


@st.composite
def some_goods(draw: st.DrawFn) -> Goods:
    price, quantity = draw(PRICE), draw(st.integers(1, 100_000))
    line = Line(Sku("A"), ProductId("p"), "Name", CategoryId("c"), quantity, money(price), money(price * quantity))
    return Goods(line, draw(st.sampled_from(CLASSES)), draw(st.booleans()))


GOODS = st.lists(some_goods(), min_size=1, max_size=8)
COUPON = st.one_of(
    st.none(),
    st.builds(CouponTerms, st.just(CouponKind.PERCENT), st.integers(1, 10_000)),
    st.builds(CouponTerms, st.just(CouponKind.FIXED), amounts=AMOUNT.map(lambda amount: (money(amount),))),
    st.just(CouponTerms(CouponKind.FREE_SHIPPING)),
)
METHOD = st.one_of(
    st.none(),
    st.builds(
        ShippingMethod,
        st.just("std"),
        st.just("Standard"),
        AMOUNT.map(lambda amount: (money(amount),)),
        st.one_of(st.just(()), AMOUNT.map(lambda amount: (money(amount),))),
    ),
)
RATES = st.dictionaries(st.sampled_from(CLASSES[1:3]), st.integers(0, MAX_RATE_PPM))
TAXES = st.one_of(
    st.none(),
    st.builds(
        lambda contained, standard, rates: CountryTaxes(contained, {STANDARD_TAX: standard, **rates}),
        st.booleans(),
        st.integers(0, MAX_RATE_PPM),
        RATES,
    ),
)


@given(GOODS, COUPON, METHOD, TAXES)
def test_everything_adds_up(
    goods: Sequence[Goods], coupon: CouponTerms | None, method: ShippingMethod | None, taxes: CountryTaxes | None
) -> None:
    found = totals(goods, coupon, method, taxes)
    parts = found.parts
    on_top = 0 if found.prices_include_tax else found.tax.amount
    assert found.total.amount == sum(part.total.amount for part in parts) + on_top
    assert found.subtotal.amount == sum(line.total.amount + line.discount for line in found.lines)
    assert found.tax.amount == sum(part.tax for part in parts)
    assert found.discount.amount == sum(part.discount for part in parts)
    assert found.total.amount == sum(step.amount.amount for step in found.steps if not step.contained)
    shipping = found.shipping.price.amount if found.shipping else 0
    assert found.total.amount == found.subtotal.amount - found.discount.amount + shipping + on_top


@given(GOODS, COUPON, METHOD, TAXES)
def test_nothing_costs_less_than_nothing(
    goods: Sequence[Goods], coupon: CouponTerms | None, method: ShippingMethod | None, taxes: CountryTaxes | None
) -> None:
    found = totals(goods, coupon, method, taxes)
    for each, line in zip(goods, found.lines, strict=True):
        assert 0 <= line.discount <= each.line.total.amount
        assert each.covered or not line.discount
        assert line.unit_price * line.quantity == line.total + money(line.discount)
    for part in found.parts:
        assert part.total.amount >= 0
        assert part.tax >= 0
        assert not found.prices_include_tax or part.tax <= part.total.amount


@given(GOODS, COUPON, METHOD, TAXES)
def test_each_line_is_taxed_to_the_nearest_minor_unit(
    goods: Sequence[Goods], coupon: CouponTerms | None, method: ShippingMethod | None, taxes: CountryTaxes | None
) -> None:
    """By another way of counting: exact fractions."""
    found = totals(goods, coupon, method, taxes)
    for each, line in zip(goods, found.lines, strict=True):
        rate = Fraction(taxes.rate_ppm(each.tax_class) if taxes else 0, 10**6)
        exact = line.total.amount * rate / (1 + rate if found.prices_include_tax else 1)
        assert line.tax == round(exact)  # of a Fraction: half to even


@given(GOODS, st.integers(1, 9_999), METHOD, TAXES)
def test_a_higher_percentage_never_costs_more(
    goods: Sequence[Goods], percent_bp: int, method: ShippingMethod | None, taxes: CountryTaxes | None
) -> None:
    """But for tax, which is rounded line by line: at most half a unit each way."""
    assume(method is None or not method.free_from)  # who pays less for goods may have to pay for shipping
    less, more = (totals(goods, CouponTerms(CouponKind.PERCENT, bp), method, taxes) for bp in (percent_bp, 10_000))
    assert more.discount.amount >= less.discount.amount
    assert _untaxed(more) <= _untaxed(less)
    assert more.total.amount <= less.total.amount + len(goods)


@given(GOODS, METHOD, TAXES, st.integers(0, 7), st.integers(1, 1_000))
def test_one_more_unit_never_costs_less(
    goods: list[Goods], method: ShippingMethod | None, taxes: CountryTaxes | None, which: int, units: int
) -> None:
    assume(method is None or not method.free_from)
    at = which % len(goods)
    line = goods[at].line
    quantity = line.quantity + units
    more = [*goods]
    more[at] = replace(goods[at], line=replace(line, quantity=quantity, total=line.unit_price * quantity))
    assert totals(more, None, method, taxes).total.amount >= totals(goods, None, method, taxes).total.amount


@given(GOODS, AMOUNT)
def test_a_fixed_coupon_takes_what_it_says_or_all_there_is(goods: Sequence[Goods], amount: int) -> None:
    covered = sum(each.line.total.amount for each in goods if each.covered)
    found = totals(goods, CouponTerms(CouponKind.FIXED, amounts=(money(amount), Money(amount + 1, "USD"))))
    assert found.discount.amount == min(amount, covered)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20), st.data())
def test_shares_are_within_one_unit_of_exact(weights: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(weights)))
    shares = spread(amount, weights)
    assert sum(shares) == (amount if sum(weights) else 0)
    for share, weight in zip(shares, weights, strict=True):
        assert 0 <= share <= weight
        assert not sum(weights) or abs(share - Fraction(amount * weight, sum(weights))) < 1


@given(st.integers(0, 10**20), st.integers(1, 10**10))
@example(5, 10)
@example(15, 10)
def test_rounding_is_that_of_fractions(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(PRICE, st.integers(0, MAX_RATE_PPM))
def test_the_tax_in_a_price_is_the_tax_on_its_net(price: int, rate_ppm: int) -> None:
    """To the minor unit, one way and back."""
    inside = tax_of(price, rate_ppm, contained=True)
    assert abs(tax_of(price - inside, rate_ppm, contained=False) - inside) <= 1


def _untaxed(found: Totals) -> int:
    return sum(part.total.amount for part in found.parts)
