"""Which taxes are taken where. A country without any takes none: what is sold there is sold without tax."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from commands.checkout_rejections import AddressRequired
from commands.decider import Fold, Read
from commands.rejections import LimitExceeded
from events.product import STANDARD_TAX
from events.tax import TAXES, TaxesRemoved, TaxesSet, TaxEvent, TaxRate

MAX_COUNTRIES = 250
MAX_CLASSES = 50
MAX_RATE_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class SetTaxes:
    """From now on, for orders to this country. One rate is for the class `standard`, which all others fall back to."""

    country: str
    prices_include_tax: bool
    rates: tuple[TaxRate, ...]


@dataclass(frozen=True, slots=True)
class RemoveTaxes:
    country: str


TaxCommand = SetTaxes | RemoveTaxes


@dataclass(frozen=True, slots=True)
class CountryTaxes:
    prices_include_tax: bool
    rates: Mapping[str, int]
    """In parts per million, by tax class."""

    def rate_ppm(self, tax_class: str) -> int:
        return self.rates.get(tax_class, self.rates[STANDARD_TAX])


@dataclass(frozen=True, slots=True)
class Taxes:
    countries: Mapping[str, CountryTaxes] = field(default_factory=dict)


def evolve(taxes: Taxes, event: TaxEvent) -> Taxes:
    others = {code: kept for code, kept in taxes.countries.items() if code != event.country}
    match event:
        case TaxesSet(country, prices_include_tax, rates):
            found = CountryTaxes(prices_include_tax, {each.tax_class: each.rate_ppm for each in rates})
            return Taxes({**others, country: found})
        case TaxesRemoved():
            return Taxes(others)
        case _:
            assert_never(event)


all_taxes = Fold("taxes", Taxes(), evolve)(TAXES)


def decide(command: TaxCommand, read: Read) -> Sequence[TaxEvent]:
    known = read(all_taxes).countries
    match command:
        case SetTaxes(country, prices_include_tax, rates):
            by_class = {each.tax_class: each.rate_ppm for each in rates}
            if STANDARD_TAX not in by_class or len(rates) > min(len(by_class), MAX_CLASSES):
                raise LimitExceeded(
                    f"A country has a rate for {STANDARD_TAX}, and at most {MAX_CLASSES} in all, one per class.",
                    limit=MAX_CLASSES,
                )
            if any(not 0 <= each <= MAX_RATE_PPM for each in by_class.values()):
                raise LimitExceeded(f"A rate is from 0 to {MAX_RATE_PPM} parts per million.", limit=MAX_RATE_PPM)
            if country not in known and len(known) >= MAX_COUNTRIES:
                raise LimitExceeded(f"There are rates for at most {MAX_COUNTRIES} countries.", limit=MAX_COUNTRIES)
            if known.get(country) == CountryTaxes(prices_include_tax, by_class):
                return []
            return [TaxesSet(country, prices_include_tax, rates)]
        case RemoveTaxes(country):
            return [TaxesRemoved(country)] if country in known else []
        case _:
            assert_never(command)


def taxes_in(country: str | None, read: Read) -> CountryTaxes | None:
    """Raises AddressRequired, if it makes a difference where the parcel goes."""
    known = read(all_taxes).countries
    if known and country is None:
        raise AddressRequired
    return known.get(country or "")
