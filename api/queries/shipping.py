"""Where the shop sends parcels, how, and for how much."""

from collections.abc import Sequence

from pydantic import BaseModel

from api.queries.routing import query_router, shown
from api.reading import Read
from commands.shipping import all_zones
from infrastructure.positions import HEAD
from queries.rows import Money

router = query_router("/v1/shipping/zones", "checkout")

_METHOD = {
    "id": "standard",
    "name": "Standard",
    "prices": [{"amount": 490, "currency": "EUR"}],
    "free_from": [{"amount": 5_000, "currency": "EUR"}],
}
_ZONE = {"id": "eu", "name": "Europe", "countries": ["AT", "DE"], "methods": [_METHOD]}


class Method(BaseModel):
    id: str
    name: str
    prices: Sequence[Money]
    free_from: Sequence[Money]


class Zone(BaseModel):
    id: str
    name: str
    countries: Sequence[str]
    methods: Sequence[Method]


class Zones(BaseModel):
    data: list[Zone]


@router.get("", responses=shown({"data": [_ZONE]}))
async def list_shipping_zones(read: Read) -> Zones:
    """All zones. Without any, the shop sends everywhere for nothing."""
    await read.seen(HEAD)
    known = (await read.shop.handler.read(all_zones)).zones
    return Zones(
        data=[
            Zone(
                id=zone_id,
                name=zone.name,
                countries=zone.countries,
                methods=[
                    Method(
                        id=method.method_id,
                        name=method.name,
                        prices=[Money(each.amount, each.currency) for each in method.prices],
                        free_from=[Money(each.amount, each.currency) for each in method.free_from],
                    )
                    for method in zone.methods
                ],
            )
            for zone_id, zone in sorted(known.items())
        ]
    )
