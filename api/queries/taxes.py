"""Which taxes are taken where."""

from collections.abc import Mapping

from pydantic import BaseModel

from api.queries.routing import query_router, shown
from api.reading import Read
from commands.tax import all_taxes
from infrastructure.positions import HEAD

router = query_router("/v1/taxes", "checkout")

_TAXES = {"country": "DE", "prices_include_tax": True, "rates": {"standard": 190_000}}


class Taxes(BaseModel):
    """Rates are in parts per million, by tax class."""

    country: str
    prices_include_tax: bool
    rates: Mapping[str, int]


class AllTaxes(BaseModel):
    data: list[Taxes]


@router.get(
    "", responses=shown({"data": [{"country": "DE", "prices_include_tax": True, "rates": {"standard": 190_000}}]})
)
async def list_taxes(read: Read) -> AllTaxes:
    """All countries that take any. What goes to others is sold without tax."""
    await read.seen(HEAD)
    known = (await read.shop.handler.read(all_taxes)).countries
    return AllTaxes(
        data=[
            Taxes(country=country, prices_include_tax=known[country].prices_include_tax, rates=known[country].rates)
            for country in sorted(known)
        ]
    )
