"""Staff say which taxes are taken where."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from api.fields import Body, CountryPath, TaxClass
from api.handling import Answer, Changed, Handle
from api.security import Staff
from api.straight import StraightRoute
from commands.tax import MAX_CLASSES, MAX_RATE_PPM, RemoveTaxes, SetTaxes, all_taxes
from events.tax import TaxRate

router = APIRouter(prefix="/v1/taxes", tags=["checkout"], route_class=StraightRoute)

Rate = Annotated[int, Field(ge=0, le=MAX_RATE_PPM, strict=True, description="Parts per million: 190000 is 19 %.")]


class TaxesField(Body):
    """`standard` must have a rate: classes without one fall back to it. Shipping is of the class `shipping`."""

    prices_include_tax: bool
    rates: Annotated[
        dict[TaxClass, Rate],
        Field(min_length=1, max_length=MAX_CLASSES, examples=[{"standard": 190_000, "reduced": 70_000}]),
    ]


@router.put("/{country}", response_model=Changed)
async def set_taxes(country: CountryPath, body: TaxesField, staff: Staff, handle: Handle) -> Response:
    """From now on, for orders that go there. What has been ordered keeps its taxes."""
    rates = tuple(TaxRate(tax_class, rate) for tax_class, rate in sorted(body.rates.items()))
    return await handle(SetTaxes(country, body.prices_include_tax, rates), about=all_taxes, answer=_changed(country))


@router.delete("/{country}", response_model=Changed)
async def remove_taxes(country: CountryPath, staff: Staff, handle: Handle) -> Response:
    return await handle(RemoveTaxes(country), about=all_taxes, answer=_changed(country))


def _changed(country: str) -> Answer:
    """The version is that of all taxes together: they are one stream."""
    return lambda done: {"id": country, "version": done.versions[all_taxes.stream]}
