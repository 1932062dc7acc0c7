"""Where stock is kept: the default location, which is always there, and those that were opened beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from commands.decider import Fold, Read
from commands.rejections import LimitExceeded, NotFound
from events.location import LOCATIONS, LocationEvent, LocationOpened
from events.values import DEFAULT_LOCATION

MAX_LOCATIONS = 50
"""A checkout that the default location cannot serve looks at all of them."""


@dataclass(frozen=True, slots=True)
class OpenLocation:
    location: str


LocationCommand = OpenLocation


@dataclass(frozen=True, slots=True)
class Locations:
    others: tuple[str, ...] = ()
    """Beside the default one, by name."""


def evolve(locations: Locations, event: LocationEvent) -> Locations:
    match event:
        case LocationOpened(location):
            return replace(locations, others=tuple(sorted({*locations.others, location})))
        case _:
            assert_never(event)


all_locations = Fold("locations", Locations(), evolve)(LOCATIONS)


def decide(command: LocationCommand, read: Read) -> Sequence[LocationEvent]:
    known = read(all_locations)
    if command.location in (DEFAULT_LOCATION, *known.others):
        return []
    if len(known.others) + 1 >= MAX_LOCATIONS:
        raise LimitExceeded(f"Stock is kept at {MAX_LOCATIONS} locations at most.", limit=MAX_LOCATIONS)
    return [LocationOpened(command.location)]


def existing_location(location: str, read: Read) -> None:
    """Raises NotFound."""
    if location != DEFAULT_LOCATION and location not in read(all_locations).others:
        raise NotFound("stock location", location)
