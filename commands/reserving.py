"""Taking what an order needs from the shelves: from the default location first, then from the others by name."""

from collections.abc import Mapping, Sequence

from commands.decider import Read
from commands.location import all_locations
from commands.rejections import OutOfStock, Shortage
from commands.stock import stocks
from events.order import Reservation
from events.values import DEFAULT_LOCATION, Sku


def reservations(wanted: Mapping[Sku, int], read: Read) -> Sequence[Reservation]:
    """Units per SKU and location, in one canonical order. Raises OutOfStock, saying what all locations have together.

    The other locations are looked at only for what the default one has too few of."""
    in_order = sorted(wanted.items())
    here = read.all([stocks(sku, DEFAULT_LOCATION) for sku, _ in in_order])
    taken, short = [], []
    for (sku, units), stock in zip(in_order, here, strict=True):
        if stock.available >= units:
            taken.append(Reservation(sku, DEFAULT_LOCATION, units))
            continue
        found, available = _anywhere(sku, units, read)
        taken += found
        if available < units:
            short.append(Shortage(sku, units, available))
    if short:
        raise OutOfStock(short)
    return taken


def _anywhere(sku: Sku, units: int, read: Read) -> tuple[list[Reservation], int]:
    """What can be taken, and how many are available in all."""
    locations = (DEFAULT_LOCATION, *read(all_locations).others)
    taken, available = [], 0
    for location, stock in zip(locations, read.all([stocks(sku, each) for each in locations]), strict=True):
        take = min(units - available, stock.available)
        if take > 0:
            taken.append(Reservation(sku, location, take))
        available += stock.available
    return taken, available
