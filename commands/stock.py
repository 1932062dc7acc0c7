"""Keeping the stock of a SKU at a location: what is on hand, what of it is promised, and never less than nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from commands.decider import Balance, Fold, Read
from commands.location import existing_location
from commands.product import product_of
from commands.rejections import LimitExceeded, OutOfStock, Shortage, StockWouldGoNegative
from events.quick import quick
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
from events.values import DEFAULT_LOCATION, Sku

MAX_UNITS = 2_000_000_000
"""On hand of one SKU at one location: read tables keep it in a 64-bit column, clients may not."""


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """Goods came in. Asking twice books twice: callers make it once by an idempotency key."""

    sku: Sku
    quantity: int
    reference: str = ""
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class AdjustStock:
    sku: Sku
    delta: int
    reason: str
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class TransferStock:
    """Units that are not reserved go from one location to another."""

    sku: Sku
    quantity: int
    origin: str
    destination: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetThreshold:
    """Say when the available units have come down to so many, and when they are more again; None: say nothing."""

    sku: Sku
    threshold: int | None
    location: str = DEFAULT_LOCATION


StockCommand = ReceiveStock | AdjustStock | TransferStock | SetThreshold


@quick
@dataclass(frozen=True, slots=True)
class Stock:
    """Who holds a reservation is known to its order, so this stays a few numbers however long the stream grows."""

    on_hand: int = 0
    reserved: int = 0
    threshold: int | None = None
    is_low: bool = False
    """Whether that has been said."""

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


def evolve(stock: Stock, event: StockEvent) -> Stock:
    match event:
        case StockReserved(quantity=quantity):  # thousands a second of one SKU, hence not `replace`
            return Stock(stock.on_hand, stock.reserved + quantity, stock.threshold, stock.is_low)
        case StockReceived(quantity=quantity) | StockArrived(quantity=quantity) | StockReturned(quantity=quantity):
            return replace(stock, on_hand=stock.on_hand + quantity)
        case StockAdjusted(delta=delta):
            return replace(stock, on_hand=stock.on_hand + delta)
        case StockSent(quantity=quantity) | StockWrittenOff(quantity=quantity):
            return replace(stock, on_hand=stock.on_hand - quantity)
        case StockReleased(quantity=quantity) | StockLapsed(quantity=quantity):
            return replace(stock, reserved=stock.reserved - quantity)
        case StockCommitted(quantity=quantity):
            return replace(stock, on_hand=stock.on_hand - quantity, reserved=stock.reserved - quantity)
        case StockThresholdSet(threshold=threshold):
            return replace(stock, threshold=threshold)
        case StockRanLow():
            return replace(stock, is_low=True)
        case StockRecovered():
            return replace(stock, is_low=False)
        case _:
            assert_never(event)


def bounds(stock: Stock, event: StockEvent) -> tuple[int, int] | None:
    """Of reservations and what becomes of them: as long as it need not be said that the stock ran low or recovered.

    What rests on more than the units available, such as the room for a receipt, is right at one version only."""
    match event:
        case StockReserved() | StockReleased() | StockLapsed() | StockCommitted():
            if stock.threshold is None:
                return 0, MAX_UNITS
            return (0, stock.threshold) if stock.is_low else (stock.threshold + 1, MAX_UNITS)
        case _:
            return None


stocks = Fold("stock", Stock(), evolve, Balance(lambda stock: stock.available, bounds))


def decide(command: StockCommand, read: Read) -> Sequence[StockEvent]:
    product_of(command.sku, read)
    match command:
        case ReceiveStock(sku, quantity, reference, location):
            if quantity < 1:
                raise LimitExceeded("At least one unit is received.", limit=1)
            existing_location(location, read, brought=True)
            check_room(sku, location, quantity, read)
            return noticed(StockReceived(sku, quantity, reference, location), read)
        case AdjustStock(sku, delta, reason, location):
            existing_location(location, read, brought=delta > 0)
            available = read(stocks(sku, location)).available
            if available + delta < 0:
                raise StockWouldGoNegative(sku, delta, available)
            check_room(sku, location, delta, read)
            return noticed(StockAdjusted(sku, delta, reason, location), read) if delta else []
        case TransferStock():
            return _transferred(command, read)
        case SetThreshold(sku, threshold, location):
            existing_location(location, read)
            if read(stocks(sku, location)).threshold == threshold:
                return []
            return noticed(StockThresholdSet(sku, threshold, location), read)
        case _:
            assert_never(command)


def noticed(fact: StockEvent, read: Read) -> list[StockEvent]:
    """The fact, and what is to be said if it takes the available units across the threshold, in either direction.

    A decision makes one such fact per stream: it is judged by the state before the decision."""
    before = read(stocks(fact.sku, fact.location))
    if before.threshold is None and not isinstance(fact, StockThresholdSet):
        return [fact]
    after = evolve(before, fact)
    is_low = after.threshold is not None and after.available <= after.threshold
    if is_low == before.is_low:
        return [fact]
    if is_low and after.threshold is not None:
        return [fact, StockRanLow(fact.sku, after.available, after.threshold, fact.location)]
    return [fact, StockRecovered(fact.sku, after.available, fact.location)]


def _transferred(command: TransferStock, read: Read) -> Sequence[StockEvent]:
    sku, quantity, origin, destination = command.sku, command.quantity, command.origin, command.destination
    if quantity < 1:
        raise LimitExceeded("At least one unit is transferred.", limit=1)
    existing_location(origin, read)
    existing_location(destination, read, brought=True)
    if origin == destination:
        return []
    available = read(stocks(sku, origin)).available
    if available < quantity:
        raise OutOfStock([Shortage(sku, quantity, available)])
    check_room(sku, destination, quantity, read)
    return [
        *noticed(StockSent(sku, quantity, destination, command.reason, origin), read),
        *noticed(StockArrived(sku, quantity, origin, command.reason, destination), read),
    ]


def check_room(sku: Sku, location: str, more: int, read: Read) -> None:
    """Raises LimitExceeded."""
    if read(stocks(sku, location)).on_hand + more > MAX_UNITS:
        raise LimitExceeded(f"The book of one SKU ends at {MAX_UNITS} units.", limit=MAX_UNITS)
