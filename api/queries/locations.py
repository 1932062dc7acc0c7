"""Where stock is kept."""

from typing import Annotated

from pydantic import BaseModel, Field

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
    closing: Annotated[bool, Field(description="It is being closed: nothing is brought there any more.")] = False


class Locations(BaseModel):
    data: list[Location]


@router.get("", responses=shown({"data": [{"location": "main", "default": True, "closing": False}]}))
async def list_locations(read: Read, staff: Staff) -> Locations:
    """The default location, which orders are served from first, and the others by name."""
    await read.seen(HEAD)
    known = await read.shop.handler.read(all_locations)
    return Locations(
        data=[
            Location(location=each, default=each == DEFAULT_LOCATION, closing=each in known.closing)
            for each in (DEFAULT_LOCATION, *known.others)
        ]
    )
