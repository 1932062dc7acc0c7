"""What can happen to the places where stock is kept. All of them are in one stream: a decision may need the list."""

from dataclasses import dataclass

LOCATIONS = "all"


@dataclass(frozen=True, slots=True)
class LocationOpened:
    """Stock may be kept there from now on."""

    location: str
    locations: str = LOCATIONS


LocationEvent = LocationOpened
