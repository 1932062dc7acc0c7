"""What can happen to the places where stock is kept. All of them are in one stream: a decision may need the list."""

from dataclasses import dataclass

LOCATIONS = "all"


@dataclass(frozen=True, slots=True)
class LocationOpened:
    """Stock may be kept there from now on; also if it was closed before, or about to be."""

    location: str
    locations: str = LOCATIONS


@dataclass(frozen=True, slots=True)
class LocationClosing:
    """Nothing is brought there any more, so that it can be found empty."""

    location: str
    locations: str = LOCATIONS


@dataclass(frozen=True, slots=True)
class LocationClosed:
    """There was nothing there any more, and nothing had been brought since it was about to be closed."""

    location: str
    locations: str = LOCATIONS


LocationEvent = LocationOpened | LocationClosing | LocationClosed
