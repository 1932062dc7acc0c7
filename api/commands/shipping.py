"""Staff say where the shop sends parcels, how, and for how much."""

from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints, model_validator

from api.fields import AmountList, Body, Name, Slug, ZonePath
from api.handling import Answer, Changed, Handle
from api.security import Staff
from api.straight import StraightRoute
from commands.shipping import MAX_METHODS, RemoveShippingZone, SetShippingZone, all_zones
from events.shipping import ShippingMethod

router = APIRouter(prefix="/v1/shipping/zones", tags=["checkout"], route_class=StraightRoute)

ZoneCountry = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|\*)$")]


class MethodField(Body):
    """A way to send it. It costs nothing for goods of at least `free_from`, after their discounts."""

    id: Slug
    name: Name
    prices: Annotated[AmountList, Field(min_length=1, description="One per currency.")]
    free_from: AmountList = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_per_currency(self) -> Self:
        for amounts in (self.prices, self.free_from):
            if len({each.currency for each in amounts}) != len(amounts):
                raise ValueError("one amount per currency")
        return self

    def value(self) -> ShippingMethod:
        prices, free_from = (tuple(each.value() for each in amounts) for amounts in (self.prices, self.free_from))
        return ShippingMethod(self.id, self.name, prices, free_from)


class ZoneField(Body):
    """`*` among the countries is everywhere that no other zone names."""

    name: Name
    countries: Annotated[list[ZoneCountry], Field(max_length=260, examples=[["DE", "AT"]])]
    methods: Annotated[list[MethodField], Field(min_length=1, max_length=MAX_METHODS)]


@router.put("/{zone_id}", response_model=Changed)
async def set_shipping_zone(zone_id: ZonePath, body: ZoneField, staff: Staff, handle: Handle) -> Response:
    """The whole zone as it is from now on. As soon as there is one, orders go only where a zone says how."""
    methods = tuple(each.value() for each in body.methods)
    command = SetShippingZone(zone_id, body.name, tuple(sorted(set(body.countries))), methods)
    return await handle(command, about=all_zones, answer=_changed(zone_id))


@router.delete("/{zone_id}", response_model=Changed)
async def remove_shipping_zone(zone_id: ZonePath, staff: Staff, handle: Handle) -> Response:
    return await handle(RemoveShippingZone(zone_id), about=all_zones, answer=_changed(zone_id))


def _changed(zone_id: str) -> Answer:
    """The version is that of all zones together: they are one stream."""
    return lambda done: {"id": zone_id, "version": done.versions[all_zones.stream]}
