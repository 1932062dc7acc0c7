"""Where stock is kept: the default location, which is always there, and those that were opened beside it.

Closing takes two facts. Whatever brings units to a location reads this stream, so what was decided before
`LocationClosing` comes before it in the book or not at all. After it units only become fewer: if the read table finds
none there, at that position or later, there will be none, and `LocationClosed` can follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from commands.decider import Fold, Read
from commands.rejections import LimitExceeded, LocationInUse, NotFound
from events.location import LOCATIONS, LocationClosed, LocationClosing, LocationEvent, LocationOpened
from events.values import DEFAULT_LOCATION

MAX_LOCATIONS = 50
"""A checkout that the default location cannot serve looks at all of them."""


@dataclass(frozen=True, slots=True)
class OpenLocation:
    location: str


@dataclass(frozen=True, slots=True)
class BeginClosing:
    location: str


@dataclass(frozen=True, slots=True)
class EndClosing:
    """It has been looked at since it began, and there were so many units. It is open again if there are any."""

    location: str
    units: int


LocationCommand = OpenLocation | BeginClosing | EndClosing


@dataclass(frozen=True, slots=True)
class Locations:
    others: tuple[str, ...] = ()
    """Beside the default one, by name."""
    closing: tuple[str, ...] = ()
    """Those of them that nothing may be brought to."""
    closed: tuple[str, ...] = ()

    def is_open(self, location: str) -> bool:
        return location in _but(self.others, *self.closing)


def evolve(locations: Locations, event: LocationEvent) -> Locations:
    location = event.location
    match event:
        case LocationOpened():
            opened = tuple(sorted({*locations.others, location}))
            return Locations(opened, _but(locations.closing, location), _but(locations.closed, location))
        case LocationClosing():
            return replace(locations, closing=(*locations.closing, location))
        case LocationClosed():
            left = _but(locations.others, location), _but(locations.closing, location)
            return Locations(*left, (*locations.closed, location))
        case _:
            assert_never(event)


all_locations = Fold("locations", Locations(), evolve)(LOCATIONS)


def decide(command: LocationCommand, read: Read) -> Sequence[LocationEvent]:
    known, location = read(all_locations), command.location
    match command:
        case OpenLocation():
            if location == DEFAULT_LOCATION or known.is_open(location):
                return []
            if location not in known.others and len(known.others) + 1 >= MAX_LOCATIONS:
                raise LimitExceeded(f"Stock is kept at {MAX_LOCATIONS} locations at most.", limit=MAX_LOCATIONS)
            return [LocationOpened(location)]
        case BeginClosing():
            if location == DEFAULT_LOCATION:
                raise LocationInUse(location, "it is the one that orders are served from first")
            if location not in (*known.others, *known.closed):
                raise NotFound("stock location", location)
            return [LocationClosing(location)] if known.is_open(location) else []
        case EndClosing(units=units):
            if location not in known.closing:
                return []
            return [LocationOpened(location) if units else LocationClosed(location)]
        case _:
            assert_never(command)


def existing_location(location: str, read: Read, *, brought: bool = False) -> None:
    """Raises NotFound; for what is `brought` there, LocationInUse while it is being closed."""
    if location == DEFAULT_LOCATION:
        return
    known = read(all_locations)
    if location not in known.others:
        raise NotFound("stock location", location)
    if brought and location in known.closing:
        raise LocationInUse(location, "it is being closed, and nothing is brought there any more")


def _but(locations: tuple[str, ...], *without: str) -> tuple[str, ...]:
    return tuple(each for each in locations if each not in without)
