"""What taxes a country takes. All countries are in one stream: there are few, and every order needs one of them."""

from dataclasses import dataclass

TAXES = "all"


@dataclass(frozen=True, slots=True)
class TaxRate:
    """The rate of goods of one tax class, in parts per million of the price without it: 190,000 is 19 %."""

    tax_class: str
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class TaxesSet:
    """`country` is an ISO 3166 code; `prices_include_tax` says whether prices there contain it or it comes on top."""

    country: str
    prices_include_tax: bool
    rates: tuple[TaxRate, ...]
    taxes: str = TAXES


@dataclass(frozen=True, slots=True)
class TaxesRemoved:
    country: str
    taxes: str = TAXES


TaxEvent = TaxesSet | TaxesRemoved
