"""Staff open the places where stock is kept, and close them when they are empty."""

from fastapi import APIRouter, Response

from api.fields import LocationPath
from api.handling import Changed, Handle
from api.problems import Problem
from api.reading import Read
from api.security import Staff
from api.straight import StraightRoute
from commands.location import BeginClosing, EndClosing, OpenLocation, all_locations
from commands.rejections import LocationInUse, VersionMismatch
from queries.stock_level import Contents, contents

router = APIRouter(prefix="/v1/stock-locations", tags=["stock"], route_class=StraightRoute)

MAX_ATTEMPTS = 5


@router.put("/{location}", response_model=Changed)
async def open_location(location: LocationPath, staff: Staff, handle: Handle) -> Response:
    """Stock may be kept there from now on. Orders take from it what the default location has too few of."""
    return await handle(OpenLocation(location), about=all_locations)


@router.delete("/{location}", response_model=Changed)
async def close_location(location: LocationPath, staff: Staff, handle: Handle, read: Read) -> Response:
    """No stock is kept there any more until it is opened again. Refused while units are on hand there, reserved or not.
    Asked again, nothing more happens."""
    if (first := await handle.first_answer()) is not None:  # it may have been opened again since
        return first
    await handle.check_if_match(all_locations)
    handler, metadata = handle.shop.handler, handle.metadata("CloseLocation")
    for _ in range(MAX_ATTEMPTS):
        if (await handler.read(all_locations)).is_open(location):
            _check_empty(location, await contents(handle.shop.pool, location))  # so that most refusals leave no trace
        begun = await handler(BeginClosing(location), metadata=metadata)
        await read.seen("stock_level", at_least=begun.position)
        found = await contents(handle.shop.pool, location)
        if found.position < begun.position:  # a crash of the server in between has put the rows back
            continue
        try:
            # Whoever has opened it meanwhile, and brought something, has changed the version.
            answer = await handle(
                EndClosing(location, left := found.units + found.unsure),
                about=all_locations,
                keyed=not left,  # a refusal is no answer to keep
                also={all_locations: begun.versions[all_locations.stream]},
            )
        except VersionMismatch:
            continue
        _check_empty(location, found)
        return answer
    raise Problem(503, "unavailable", "Others change the locations at the same time: ask again.")


def _check_empty(location: str, found: Contents) -> None:
    if found.unsure:
        raise LocationInUse(location, "facts about stock are parked, so it is not known whether it is empty")
    if found.units:
        why = f"{found.units} units of {found.skus} SKUs are there"
        raise LocationInUse(location, why, units=found.units, skus=found.skus)
