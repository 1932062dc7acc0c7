"""Where stock is kept."""

from pydantic import BaseModel

from api.queries.routing import query_router, shown
from api.reading import Read
from api.security import Staff
from commands.location import all_locations
from events.values import DEFAULT_LOCATION
from infrastructure.positions import HEAD

router = query_router("/v1/stock-locations", "stock")


class Location(BaseModel):
    location: str
    default: bool


class Locations(BaseModel):
    data: list[Location]


@router.get("", responses=shown({"data": [{"location": "main", "default": True}]}))
async def list_locations(read: Read, staff: Staff) -> Locations:
    """The default location, which orders are served from first, and the others by name."""
    await read.seen(HEAD)
    others = (await read.shop.handler.read(all_locations)).others
    return Locations(
        data=[Location(location=each, default=each == DEFAULT_LOCATION) for each in (DEFAULT_LOCATION, *others)]
    )
