"""How much of each SKU is on hand and how much of that is promised."""

from typing import NamedTuple, assert_never, get_args

from events.stock import (
    StockAdjusted,
    StockArrived,
    StockCommitted,
    StockEvent,
    StockLapsed,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReleased,
    StockReserved,
    StockReturned,
    StockSent,
    StockThresholdSet,
    StockWrittenOff,
)
from events.store import Fact
from projections.projection import Key, Projection


class StockLevelRow(NamedTuple):
    sku: str
    location: str
    on_hand: int
    reserved: int
    threshold: int | None
    low: bool
    version: int


def moved(event: StockEvent) -> tuple[int, int]:
    """By how many units a fact moves what is on hand, and what is reserved."""
    match event:
        case StockReceived(quantity=quantity) | StockArrived(quantity=quantity) | StockReturned(quantity=quantity):
            return quantity, 0
        case StockAdjusted(delta=delta):
            return delta, 0
        case StockSent(quantity=quantity) | StockWrittenOff(quantity=quantity):
            return -quantity, 0
        case StockReserved(quantity=quantity):
            return 0, quantity
        case StockReleased(quantity=quantity) | StockLapsed(quantity=quantity):
            return 0, -quantity
        case StockCommitted(quantity=quantity):
            return -quantity, -quantity
        case StockThresholdSet() | StockRanLow() | StockRecovered():
            return 0, 0
        case _:
            assert_never(event)


def evolve(row: StockLevelRow | None, fact: Fact[StockEvent], key: Key) -> StockLevelRow:
    event = fact.event
    on_hand, reserved = moved(event)
    threshold, low = None, False
    if row is not None:
        on_hand, reserved = row.on_hand + on_hand, row.reserved + reserved
        threshold, low = row.threshold, row.low
    if isinstance(event, StockThresholdSet):
        threshold = event.threshold
    elif isinstance(event, StockRanLow | StockRecovered):
        low = isinstance(event, StockRanLow)
    return StockLevelRow(key[0], key[1], on_hand, reserved, threshold, low, fact.version)


stock_level = Projection(
    "stock_level",
    StockLevelRow,
    ("sku", "location"),
    get_args(StockEvent),
    lambda event: [(event.sku, event.location)],
    evolve,
)
