"""The goods: an entry whenever units came, were sold, were miscounted or went elsewhere, and when they ran low.

Reservations are left out: reserved units lie where they lay.
"""

from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.stock import (
    StockAdjusted,
    StockArrived,
    StockCommitted,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReturned,
    StockSent,
    StockWrittenOff,
)
from events.store import Fact
from projections.projection import Key, Projection

StockMove = (
    StockReceived
    | StockAdjusted
    | StockCommitted
    | StockReturned
    | StockWrittenOff
    | StockSent
    | StockArrived
    | StockRanLow
    | StockRecovered
)


class StockEntryRow(NamedTuple):
    """`quantity` is by how many units it changes what is on hand."""

    position: int
    sku: str
    location: str
    kind: str
    quantity: int
    at: datetime


def moved(event: StockMove) -> tuple[str, int]:
    match event:
        case StockReceived(quantity=quantity):
            return "received", quantity
        case StockAdjusted(delta=delta):
            return "adjusted", delta
        case StockCommitted(quantity=quantity):
            return "sold", -quantity
        case StockReturned(quantity=quantity):
            return "returned", quantity
        case StockWrittenOff(quantity=quantity):
            return "written_off", -quantity
        case StockSent(quantity=quantity):
            return "moved", -quantity
        case StockArrived(quantity=quantity):
            return "moved", quantity
        case StockRanLow():
            return "low", 0
        case StockRecovered():
            return "recovered", 0
        case _:
            assert_never(event)


def evolve(row: StockEntryRow | None, fact: Fact[StockMove], key: Key) -> StockEntryRow:
    event = fact.event
    return StockEntryRow(fact.position, event.sku, event.location, *moved(event), fact.occurred_at)


stock_entry = Projection(
    "stock_entry", StockEntryRow, ("position",), get_args(StockMove), lambda event: [()], evolve, journal=True
)
