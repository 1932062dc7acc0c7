"""What staff set for the checkout: taxes, shipping zones and coupons, and what they are refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from commands.checkout_rejections import CountryInAnotherZone, CouponTermsRefused
from commands.coupon import ChangeCoupon, CreateCoupon, WithdrawCoupon
from commands.rejections import LimitExceeded, NameTaken, NotFound
from commands.shipping import MAX_METHODS, MAX_ZONES, RemoveShippingZone, SetShippingZone
from commands.tax import MAX_COUNTRIES, MAX_RATE_PPM, RemoveTaxes, SetTaxes, all_taxes
from events.coupon import CouponChanged, CouponCreated, CouponKind, CouponTerms, CouponWithdrawn
from events.shipping import ShippingZoneRemoved, ShippingZoneSet
from events.tax import TaxesRemoved, TaxesSet, TaxRate
from events.values import CategoryId
from tests.unit.pasts import KITCHEN, NOON, STANDARD, TENTH, eur, germany, kitchen, tenth_off, vat
from tests.unit.shop import given, refused

FIVE = CouponTerms(CouponKind.FIXED, amounts=(eur(500),))


def test_taxes_are_set_changed_and_removed() -> None:
    shop = given(vat)
    rates = (TaxRate("standard", 200_000),)
    assert shop.when(SetTaxes("DE", True, vat.rates)) == []
    assert shop.when(SetTaxes("DE", False, rates)) == [TaxesSet("DE", False, rates)]
    assert shop.when(SetTaxes("FR", True, rates)) == [TaxesSet("FR", True, rates)]
    assert shop.when(RemoveTaxes("DE")) == [TaxesRemoved("DE")]
    assert list(shop(all_taxes).countries) == ["FR"]


def test_a_class_without_a_rate_has_the_standard_one() -> None:
    country = given(vat)(all_taxes).countries["DE"]
    assert [country.rate_ppm(each) for each in ("standard", "reduced", "books")] == [190_000, 70_000, 190_000]


@pytest.mark.parametrize(
    "rates",
    [
        (),
        (TaxRate("reduced", 70_000),),
        (TaxRate("standard", MAX_RATE_PPM + 1),),
        (TaxRate("standard", -1),),
        (TaxRate("standard", 1), TaxRate("standard", 2)),
        tuple(TaxRate(name, 1) for name in ("standard", *map(str, range(50)))),
    ],
)
def test_rates_that_make_no_sense_are_refused(rates: tuple[TaxRate, ...]) -> None:
    with refused(LimitExceeded):
        given().when(SetTaxes("DE", True, rates))


def test_there_are_only_so_many_countries() -> None:
    shop = given(*(replace(vat, country=f"C{n}") for n in range(MAX_COUNTRIES)))
    assert shop.when(SetTaxes("C0", False, vat.rates)) != []
    with refused(LimitExceeded, limit=MAX_COUNTRIES):
        shop.when(SetTaxes("DE", True, vat.rates))


def test_a_country_is_in_one_zone_at_most() -> None:
    with refused(CountryInAnotherZone, country="DE", zone_id="de"):
        given(germany).when(SetShippingZone("eu", "Europe", ("AT", "DE"), (STANDARD,)))
    shop = given(germany)
    changed = SetShippingZone("de", "Germany", ("AT", "DE"), (STANDARD,))
    assert shop.when(changed) == [ShippingZoneSet("de", "Germany", ("AT", "DE"), (STANDARD,))]
    assert shop.when(RemoveShippingZone("de"), SetShippingZone("eu", "Europe", ("DE",), (STANDARD,))) == [
        ShippingZoneRemoved("de"),
        ShippingZoneSet("eu", "Europe", ("DE",), (STANDARD,)),
    ]


def test_a_zone_has_methods_and_there_are_only_so_many_of_both() -> None:
    many = tuple(replace(STANDARD, method_id=str(n)) for n in range(MAX_METHODS + 1))
    for methods in ((), (STANDARD, STANDARD), many):
        with refused(LimitExceeded, limit=MAX_METHODS):
            given().when(SetShippingZone("de", "Germany", ("DE",), methods))
    assert given().when(SetShippingZone("de", "Germany", ("DE",), many[1:])) != []
    zones = [ShippingZoneSet(f"z{n}", "", (), (STANDARD,)) for n in range(MAX_ZONES)]
    with refused(LimitExceeded, limit=MAX_ZONES):
        given(*zones).when(SetShippingZone("de", "Germany", ("DE",), (STANDARD,)))
    assert given(*zones).when(SetShippingZone("z0", "Germany", ("DE",), (STANDARD,))) != []


def test_a_coupon_is_created_once_changed_and_withdrawn() -> None:
    shop = given()
    assert shop.when(CreateCoupon("SPRING", TENTH)) == [tenth_off]
    with refused(NameTaken, name="SPRING", kind="coupon"):
        shop.when(CreateCoupon("SPRING", FIVE))
    more = replace(TENTH, limit=None, percent_bp=2_000)
    assert shop.when(ChangeCoupon("SPRING", {"limit": None, "percent_bp": 2_000})) == [CouponChanged("SPRING", more)]
    assert shop.when(WithdrawCoupon("SPRING")) == [CouponWithdrawn("SPRING")]
    with refused(NameTaken):
        shop.when(CreateCoupon("SPRING", more))
    for command in (ChangeCoupon("SPRING", {"limit": 1}), WithdrawCoupon("WINTER"), ChangeCoupon("WINTER", {})):
        with refused(NotFound, kind="coupon", id=command.code):
            shop.when(command)


@pytest.mark.parametrize(
    "terms",
    [
        CouponTerms(CouponKind.PERCENT),
        CouponTerms(CouponKind.PERCENT, 10_001),
        CouponTerms(CouponKind.PERCENT, 10, amounts=(eur(1),)),
        CouponTerms(CouponKind.FIXED),
        replace(FIVE, percent_bp=1),
        replace(FIVE, amounts=(eur(0),)),
        replace(FIVE, amounts=(eur(1), eur(2))),
        replace(FIVE, minimum=(eur(1), eur(2))),
        CouponTerms(CouponKind.FREE_SHIPPING, 1),
        replace(FIVE, starts_at=NOON, ends_at=NOON),
        replace(FIVE, limit=0),
        replace(FIVE, limit_per_customer=0),
        replace(FIVE, limit_per_customer=1_001),
    ],
)
def test_terms_that_do_not_fit_together_are_refused(terms: CouponTerms) -> None:
    with refused(CouponTermsRefused):
        given().when(CreateCoupon("SPRING", terms))


@pytest.mark.parametrize(
    "terms",
    [
        CouponTerms(CouponKind.PERCENT, 1),
        CouponTerms(CouponKind.PERCENT, 10_000),
        replace(FIVE, amounts=(eur(1),)),
        replace(FIVE, starts_at=NOON),
        replace(FIVE, ends_at=NOON),
        replace(FIVE, limit=1, limit_per_customer=1),
        replace(FIVE, limit_per_customer=1_000),
    ],
)
def test_the_last_terms_that_fit_together_are_taken(terms: CouponTerms) -> None:
    assert given().when(CreateCoupon("SPRING", terms)) == [CouponCreated("SPRING", terms)]


def test_terms_are_judged_as_a_whole_when_one_is_changed() -> None:
    ends = CouponCreated("SPRING", replace(FIVE, ends_at=NOON))
    with refused(CouponTermsRefused):
        given(ends).when(ChangeCoupon("SPRING", {"starts_at": NOON + timedelta(1)}))


def test_a_coupon_is_for_a_category_that_exists() -> None:
    assert given(*kitchen).when(CreateCoupon("SPRING", replace(FIVE, category_id=KITCHEN))) != []
    none = CategoryId("cat_none")
    for command in (
        CreateCoupon("NEW", replace(FIVE, category_id=none)),
        ChangeCoupon("SPRING", {"category_id": none}),
    ):
        with refused(NotFound):
            given(*kitchen, tenth_off).when(command)
